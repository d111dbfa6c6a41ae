"use strict";
// The page of tt verify.

// The share of what a limit allows that was used up; nothing for gates that are no such limit.
function shareUsed(gate) {
  if (gate.name === "min_cosine" && gate.limit < 1) return (1 - gate.value) / (1 - gate.limit);
  return gate.name.startsWith("max_") && gate.limit > 0 && isNumber(gate.value) ? Math.max(0, gate.value) / gate.limit : null;
}

function barChart(part, { title, about, labels, values, unit, show = figure, colors, table, logarithmic = false }) {
  const scale = logarithmic ? logAxis(unit, show) : axis(unit, { beginAtZero: true, ticks: { callback: show, maxTicksLimit: narrow() ? 5 : 9 } });
  const text = (value) => (Array.isArray(value) ? show(value[0]) + " to " + show(value[1]) : show(value));
  chart(part, {
    title, about, height: 100 + 30 * labels.length, table,
    config: () => ({
      type: "bar",
      data: { labels, datasets: [{ data: values, backgroundColor: colors ? colors() : seriesColor(0), barPercentage: 0.7, minBarLength: 2, maxBarThickness: 22 }] },
      options: {
        indexAxis: "y", interaction: { mode: "nearest", axis: "y", intersect: false },
        scales: { x: { ...scale, grid: { ...scale.grid, color: color("grid") } },
                  y: axis("", { grid: { display: false }, ticks: nameTicks(labels) }) },
        plugins: { legend: { display: false }, tooltip: tooltip((item) => shortened(labels[item.dataIndex], 60), (item) => text(item.raw)) },
      },
    }),
  });
}

function verifyHead() {
  const part = section("summary", "Summary");
  const { accuracy, latency, kl, macs, perplexity } = report;
  tiles(part, [
    ["Original", bytes(report.original.bytes)],
    ["Candidate", bytes(report.candidate.bytes), figure(report.original.bytes / report.candidate.bytes) + " times smaller"],
    ["Samples", report.samples ? String(report.samples) : "", report.task],
    ["Accuracy", accuracy ? percent(accuracy.candidate) : "", accuracy ? "original " + percent(accuracy.original) : null],
    ["Loss of accuracy", accuracy ? figure(accuracy.drop) + " points" : "",
     accuracy ? figure(accuracy.confidence) + " % interval " + accuracy.ci95.map((end) => figure(end)).join(" to ") : null],
    ["Perplexity", perplexity ? figure(perplexity.candidate) : "", perplexity ? "original " + figure(perplexity.original) : null],
    ["Mean KL", kl ? figure(kl.mean) + " nats" : ""],
    ["Top-1 agreement", percent(report.top1_agreement)],
    ["Latency", latency ? figure(latency.candidate_ms) + " ms" : "", latency ? "original " + figure(latency.original_ms) + " ms" : null],
    ["Multiply-adds", macs ? figure(macs.candidate) : "", macs ? "original " + figure(macs.original) : null],
  ]);
  notes(part, "Notes", report.notes);
  notes(part, "Warnings", report.warnings);
}

function gatesPart() {
  const part = section("gates", "Gates");
  const failed = report.gates.filter((gate) => !gate.passed).length;
  const verdict = report.passed ? "Passed: every gate is kept." : "Failed: " + failed + " of " + report.gates.length + " gates.";
  part.append(make("p", { class: report.passed ? "good" : "bad" }, report.gates.length ? verdict : "No gate was set."));
  if (!report.finite) part.append(make("p", { class: "bad" }, "The candidate's outputs hold NaN or infinity."));
  if (report.gates.length === 0) return;
  const head = [["gate", "name"], ["limit", "number"], ["value", "number"], ["", "text"], ["why", "text"]];
  part.append(plainTable("Gates", { head, rows: report.gates.map((gate) =>
    [gate.name, gate.limit, gate.value, gate.passed ? "passed" : "failed", gate.reason]) }));
  const used = report.gates.filter((gate) => shareUsed(gate) !== null);
  if (used.length === 0) return;
  barChart(part, {
    title: "Share of each limit that is used", labels: used.map((gate) => gate.name), unit: "% of the limit",
    values: used.map((gate) => 100 * shareUsed(gate)), colors: () => used.map((gate) => color(gate.passed ? "good" : "bad")),
    about: used.map((gate) => gate.name + ": " + percent(shareUsed(gate))).join(", ") + ". Up to 100 % passes.",
    table: () => ({ head: [["gate", "name"], ["share used", "number", percent]], rows: used.map((gate) => [gate.name, shareUsed(gate)]) }),
  });
}

function outputsPart() {
  if (report.outputs.length === 0) return;
  const part = section("outputs", "Outputs");
  const rows = report.outputs.map((one) => [one.name, one.relative_error, one.mse, one.mae, one.max_abs_error, one.pearson, one.cosine_mean,
                                            one.cosine_min]);
  const measured = rows.map((row) => [row[0], row[1]]);
  barChart(part, {
    title: "Relative error of the outputs", labels: measured.map((row) => row[0]), values: measured.map((row) => row[1]), unit: "relative error",
    about: worst(measured) ? "Largest: " + worst(measured) + "." : "No output differs.",
    table: () => ({ head: [["output", "name"], ["relative error", "number"]], rows: measured }),
  });
  sortableTable(part, "Outputs", [["output", "name"], ["relative error", "number"], ["MSE", "number"], ["MAE", "number"],
    ["largest error", "number"], ["Pearson", "number"], ["mean cosine", "number"], ["least cosine", "number"]], rows);
}

function predictionsPart() {
  if (!report.kl) return;
  const part = section("predictions", "Predictions");
  const quantiles = [["mean", report.kl.mean], ["median", report.kl.median], ["90 % below", report.kl.p90], ["99 % below", report.kl.p99]];
  barChart(part, {
    title: "KL(original || candidate)", labels: quantiles.map((row) => row[0]), values: quantiles.map((row) => row[1]), unit: "nats",
    about: quantiles.map(([name, value]) => name + " " + figure(value)).join(", ") + " nats; standard error of the mean " + figure(report.kl.se) + ".",
    table: () => ({ head: [["figure", "text"], ["nats", "number"]], rows: quantiles }),
  });
}

function latencyPart() {
  const latency = report.latency;
  if (!latency) return;
  const rows = [["original", latency.original_ms, ...latency.original_quartiles_ms], ["candidate", latency.candidate_ms, ...latency.candidate_quartiles_ms]];
  barChart(section("latency", "Latency"), {
    title: "Quartiles of the time of one run", labels: ["original", "candidate"], values: rows.map((row) => [row[2], row[3]]), unit: "ms",
    about: rows.map((row) => row[0] + ": median " + figure(row[1]) + " ms, half of the runs " + figure(row[2]) + " to " + figure(row[3]) + " ms").join("; ")
      + "; " + latency.runs + " runs each.",
    table: () => ({ head: [["model", "text"], ["median ms", "number"], ["lower quartile", "number"], ["upper quartile", "number"]], rows }),
  });
}

// Where does it go wrong first? Only with --per-layer.
function verifyLayers() {
  if (!report.layers || report.layers.length === 0) return;
  const layers = report.layers;
  const rows = () => layers.map((layer) => [layer.name, layer.relative_error]);
  const part = section("layers", "Layer by layer");
  depthChart(part, { title: "Error against depth", value: () => "relative error of the layer's output", rows,
    words: (list) => (worst(list) ? "Largest: " + worst(list) + "." : "No layer differs.") });
  sortableTable(part, "Layers", [["layer", "name"], ["role", "text"], ["activation quality", "number"], ["smallest cosine", "number"],
                                 ["relative error", "number"], ["of its input", "number"], ["added", "number"]],
                layers.map((layer) => [layer.name, layer.role, layer.activation_quality, layer.cosine_min, layer.relative_error,
                                       layer.input_error, layer.added_error]));
}

function verifyPage() {
  verifyHead();
  gatesPart();
  outputsPart();
  predictionsPart();
  verifyLayers();
  latencyPart();
  return report.candidate.path;
}
