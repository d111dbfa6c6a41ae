"use strict";
// The Pareto front of a sweep: bytes against a metric of quality, one series a family of methods.

const METRIC_TITLES = {
  kl_mean: "mean KL (nats)", relative_error: "relative error", accuracy: "accuracy", accuracy_drop: "loss of accuracy (points)",
  top1_agreement: "top-1 agreement", top5_agreement: "top-5 agreement", cosine_mean: "mean cosine", latency_ms: "latency (ms)",
};
const LOGARITHMIC = ["kl_mean", "relative_error", "mse", "mae"];

function metricOf(point, metric) {
  return metric === "latency_ms" ? point.latency_ms : point.metrics[metric];
}

function frontSeries(sweep, metric) {
  const families = [...new Set(sweep.points.map((point) => point.family))];
  return families.map((family, index) => {
    const points = sweep.points.filter((point) => point.family === family && isNumber(metricOf(point, metric))
      && (!LOGARITHMIC.includes(metric) || metricOf(point, metric) > 0));
    return {
      label: visible(family), borderColor: seriesColor(index), borderWidth: 2, pointRadius: 5, pointHoverRadius: 7,
      backgroundColor: seriesColor(index), pointBackgroundColor: points.map((point) => (point.dominated ? color("page") : seriesColor(index))),
      data: points.map((point) => ({ x: point.bytes, y: metricOf(point, metric), point })),
    };
  });
}

// The points that no other one beats, from small to large.
function frontLine(sweep, metric) {
  const kept = sweep.points.filter((point) => !point.dominated && isNumber(metricOf(point, metric))
    && (!LOGARITHMIC.includes(metric) || metricOf(point, metric) > 0));
  return {
    type: "line", label: "front", data: kept.sort((a, b) => a.bytes - b.bytes).map((point) => ({ x: point.bytes, y: metricOf(point, metric), point })),
    borderColor: color("muted"), borderWidth: 1, borderDash: [4, 4], pointRadius: 0, pointHitRadius: 0, order: 1, pointStyle: "line",
  };
}

function pointText(point, metric) {
  return [visible(point.setting), bytes(point.bytes) + ", " + figure(point.compression) + " times smaller",
          METRIC_TITLES[metric] + " " + figure(metricOf(point, metric)),
          point.dominated ? "dominated by " + shortened(point.dominated_by || "", 40) : "on the front"];
}

function frontConfig(sweep, metric) {
  const y = LOGARITHMIC.includes(metric) ? logAxis : axis;
  return {
    type: "scatter", data: { datasets: [...frontSeries(sweep, metric), frontLine(sweep, metric)] },
    options: {
      interaction: { mode: "nearest", intersect: false },
      scales: { x: logAxis("bytes of the compressed model", bytes), y: y(METRIC_TITLES[metric] || metric) },
      plugins: { legend: legend(), tooltip: tooltip((item) => item.dataset.label, (item) => pointText(item.raw.point, metric)) },
    },
  };
}

function frontPart(sweep) {
  const part = section("front", "Pareto front", "Every setting that was tried. Hollow points are dominated: another one is at most as large and at least as good.");
  const measured = ["latency_ms", ...new Set(sweep.points.flatMap((point) => Object.keys(point.metrics)))]
    .filter((metric) => sweep.points.some((point) => isNumber(metricOf(point, metric))));
  if (measured.length === 0) return;
  let metric = measured.includes(sweep.metric) ? sweep.metric : measured[measured.length - 1];
  const ordered = [metric, ...measured.filter((other) => other !== metric)];
  const draw = chart(part, {
    title: "Bytes against quality", height: () => 400,
    controls: [choice("Metric", ordered.map((name) => [name, METRIC_TITLES[name] || name]), (value) => {
      metric = value;
      draw();
    })],
    about: () => sweep.points.filter((point) => !point.dominated).length + " of " + sweep.points.length
      + " settings are on the front; " + METRIC_TITLES[metric] + " on " + figure(sweep.samples) + " samples.",
    config: () => frontConfig(sweep, metric),
    table: () => ({
      head: [["setting", "name"], ["family", "text"], ["bytes", "number", bytes], ["times smaller", "number"],
             [METRIC_TITLES[metric] || metric, "number"], ["dominated by", "text"]],
      rows: sweep.points.map((point) => [point.setting, point.family, point.bytes, point.compression, metricOf(point, metric),
                                         point.dominated_by]),
    }),
  });
}
