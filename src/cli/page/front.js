"use strict";
// The Pareto front of a sweep: bytes against a metric of quality, one series a family of methods.

const FIGURE_TITLES = {
  kl_mean: "mean KL (nats)", kl_median: "median KL (nats)", kl_p90: "KL, 90th percentile (nats)", kl_p99: "KL, 99th percentile (nats)",
  kl_se: "standard error of the mean KL (nats)", cosine_loss: "1 - mean cosine", relative_error: "relative error", max_abs_error: "largest error",
  mse: "mean squared error", mae: "mean absolute error", accuracy: "accuracy", accuracy_drop: "loss of accuracy (points)",
  accuracy_drop_low: "loss of accuracy, lower end (points)", accuracy_drop_high: "loss of accuracy, upper end (points)",
  top1_agreement: "same first class", top5_agreement: "among five", perplexity: "perplexity", label_error: "squared error of labels",
  pearson: "Pearson correlation", cosine_mean: "mean cosine", cosine_min: "smallest cosine", latency_ms: "latency (ms)",
  latency_original_ms: "latency of the original (ms)",
};
const LOGARITHMIC = ["kl_mean", "kl_median", "kl_p90", "kl_p99", "kl_se", "cosine_loss", "relative_error", "max_abs_error", "mse", "mae", "label_error"];

// What files are compared by is no figure of its own where it is computed from one.
const metricOf = (sweep, point, metric) => (metric === sweep.measure ? point.damage : point.figures[metric]);
const isDrawn = (sweep, metric) => (point) => isNumber(metricOf(sweep, point, metric))
  && (!LOGARITHMIC.includes(metric) || metricOf(sweep, point, metric) > 0);

function frontSeries(sweep, metric) {
  const families = [...new Set(sweep.points.map((point) => point.family))];
  return families.map((family, index) => {
    const points = sweep.points.filter((point) => point.family === family).filter(isDrawn(sweep, metric));
    return {
      label: visible(family), borderColor: seriesColor(index), borderWidth: 2, pointRadius: 5, pointHoverRadius: 7,
      backgroundColor: seriesColor(index), pointBackgroundColor: points.map((point) => (point.dominated ? color("page") : seriesColor(index))),
      data: points.map((point) => ({ x: point.bytes, y: metricOf(sweep, point, metric), point })),
    };
  });
}

// The points that no other one beats, from small to large.
function frontLine(sweep, metric) {
  const kept = sweep.points.filter((point) => !point.dominated).filter(isDrawn(sweep, metric));
  return {
    type: "line", label: "front", data: kept.sort((a, b) => a.bytes - b.bytes).map((point) => ({ x: point.bytes, y: metricOf(sweep, point, metric), point })),
    borderColor: color("muted"), borderWidth: 1, borderDash: [4, 4], pointRadius: 0, pointHitRadius: 0, order: 1, pointStyle: "line",
  };
}

function pointText(sweep, point, metric) {
  return [visible(point.id), bytes(point.bytes) + ", " + figure(point.compression) + " times smaller",
          (FIGURE_TITLES[metric] || metric) + " " + figure(metricOf(sweep, point, metric)),
          point.dominated ? "dominated by " + shortened(point.dominated_by || "", 40) : "on the front"];
}

function frontConfig(sweep, metric) {
  const y = LOGARITHMIC.includes(metric) ? logAxis : axis;
  return {
    type: "scatter", data: { datasets: [...frontSeries(sweep, metric), frontLine(sweep, metric)] },
    options: {
      interaction: { mode: "nearest", intersect: false },
      scales: { x: logAxis("bytes of the compressed model", bytes), y: y(FIGURE_TITLES[metric] || metric) },
      plugins: { legend: legend(), tooltip: tooltip((item) => item.dataset.label, (item) => pointText(sweep, item.raw.point, metric)) },
    },
  };
}

function frontPart(whole) {
  const sweep = { ...whole, points: whole.points.filter((point) => isNumber(point.bytes)) };
  if (sweep.points.length === 0) return;
  const part = section("front", "Pareto front", "Every file that was made. Hollow points are dominated: another one is at most one percent larger and does less damage.");
  const figures = [...new Set(sweep.points.flatMap((point) => Object.keys(point.figures)))];
  const ordered = [sweep.measure, ...figures.filter((name) => name !== sweep.measure)];
  let metric = sweep.measure;
  const draw = chart(part, {
    title: "Bytes against damage", height: () => 400,
    controls: [choice("Metric", ordered.map((name) => [name, FIGURE_TITLES[name] || name]), (value) => {
      metric = value;
      draw();
    })],
    about: () => sweep.points.filter((point) => !point.dominated).length + " of " + sweep.points.length
      + " files are on the front; " + (FIGURE_TITLES[metric] || metric) + " on " + figure(sweep.samples) + " samples.",
    config: () => frontConfig(sweep, metric),
    table: () => ({
      head: [["setting", "name"], ["family", "text"], ["bytes", "number", bytes], ["times smaller", "number"],
             [FIGURE_TITLES[metric] || metric, "number"], ["dominated by", "text"]],
      rows: sweep.points.map((point) => [point.id, point.family, point.bytes, point.compression, metricOf(sweep, point, metric),
                                         point.dominated_by]),
    }),
  });
}
