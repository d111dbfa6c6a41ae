"use strict";
// The page of tt compress.

function compressHead() {
  const part = section("summary", "Summary");
  const quality = report.quality;
  tiles(part, [
    ["Before", bytes(report.input.bytes)],
    ["After", bytes(report.output.bytes), report.output.path === null ? "dry run" : null],
    ["Ratio", figure(report.ratio), figure(1 / report.ratio) + " times smaller"],
    ["Budget", bytes(report.budget_bytes)],
    ["Weights changed", String(report.stats.compressed_layers), report.stats.preserved_layers + " kept exact"],
    ["Mean error of those", figure(report.stats.avg_reconstruction_error)],
  ]);
  if (quality) {
    const head = [["limit", "text"], ["allowed", "number"], ["measured", "number"], ["where", "name"]];
    part.append(make("h3", {}, "Limits, measured on " + quality.measured_on),
                plainTable("Limits", { head, rows: quality.limits.map((one) => [one.name, one.limit, one.value, one.where]) }));
  }
  notes(part, "Warnings", report.warnings);
}

function compressLayers() {
  const part = section("layers", "Layer by layer");
  const rows = () => report.weights.map((weight) => [weight.name, weight.bytes_in, weight.bytes_out]);
  const sum = (index) => rows().reduce((total, row) => total + row[index], 0);
  bytesChart(part, { title: "Bytes per layer", rows, before: "before", after: () => "after", controls: [],
    words: () => "All weights together: " + bytes(sum(1)) + " before and " + bytes(sum(2)) + " after." });
  const all = [["output_error", "relative error of the layer's output"], ["relative_error", "relative error of the weight"],
                  ["bits_per_weight", "bits a weight"]];
  const errors = all.filter(([name]) => report.weights.some((weight) => weight[name] > 0));
  if (errors.length === 0) return;
  let field = errors[0][0];
  const value = () => errors.find(([name]) => name === field)[1];
  depthChart(part, {
    title: errors.length > 1 ? "Error against depth" : "Bits against depth", value,
    controls: [choice("Figure", errors, (chosen) => {
      field = chosen;
      redraw();
    })],
    rows: () => report.weights.map((weight) => [weight.name, weight[field]]),
    words: (list) => (worst(list) ? "Largest " + value() + ": " + worst(list) + ". " : "")
      + (field !== "bits_per_weight" ? "Exact weights have no point." : ""),
  });
}

function compressWeights() {
  const rows = report.weights.map((weight) => [weight.name, weight.role, shape(weight.shape), encodingText(weight.encoding), weight.bytes_in,
    weight.bytes_out, weight.bits_per_weight, weight.bound_bits, weight.output_error, weight.relative_error, weight.reason]);
  sortableTable(section("weights", "Weights"), "Weights of the model",
    [["weight", "name"], ["role", "text"], ["shape", "text"], ["encoding", "text"], ["before", "number", bytes], ["after", "number", bytes],
     ["bits", "number"], ["bound", "number"], ["output error", "number"], ["weight error", "number"], ["why exact", "text"]], rows);
}

function compressPage() {
  compressHead();
  compressLayers();
  compressWeights();
  return report.input.path;
}
