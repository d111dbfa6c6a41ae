"use strict";
// The page of tt analyze.

function analyzeHead() {
  const part = section("summary", "Summary");
  const total = report.weights.reduce((sum, weight) => sum + weight.bytes, 0);
  const generated = report.generated && report.generated.samples;
  tiles(part, [
    ["Weights", String(report.weights.length), bytes(total)],
    ["Model file", bytes(report.model.bytes), report.model.kind],
    ["Left out by patterns", report.left_out ? String(report.left_out) : ""],
    ["Layers' inputs", report.calibrated ? "yours" : generated ? "generated" : "unknown",
     report.calibrated ? "from --calib" : generated ? generated + " samples" : "all directions count alike"],
  ]);
  notes(part, "What to do", report.advice.map((advice) => advice.text));
  notes(part, "Warnings", report.warnings);
}

// Shares of bytes and damage of the order's beginning, as points of a curve.
function orderPoints() {
  let damage = 0;
  const points = report.order.weights.map((entry, index) => {
    damage += entry.damage_share || 0;
    return { x: 100 * (entry.bytes_before + entry.bytes_share), y: 100 * damage, name: entry.name, rank: index + 1 };
  });
  return [{ x: 0, y: 0, name: "nothing", rank: 0 }, ...points];
}

function orderPart() {
  const order = report.order;
  if (order.weights.length === 0) return;
  const part = section("order", "Which layers first",
    "Layers in the order in which compression to " + order.reference_bits + " bits a weight does least damage for the bytes that it saves.");
  const points = orderPoints();
  const half = points.slice(1).reduce((a, b) => (Math.abs(b.x - 50) < Math.abs(a.x - 50) ? b : a));
  chart(part, {
    title: "Damage against bytes, safest first",
    about: () => (half.rank === 1 ? "The first" : "The first " + half.rank) + " of " + order.weights.length + " layers " + (half.rank === 1 ? "holds " : "hold ") + figure(half.x) + " % of the bytes and "
      + figure(half.y) + " % of the predicted damage. "
      + (order.measured ? "Sensitivities were measured." : "Every layer counts as equally sensitive."),
    config: () => ({
      type: "line",
      data: { datasets: [{ data: points, borderColor: seriesColor(0), backgroundColor: seriesColor(0), borderWidth: 1.75,
                           pointRadius: points.length > 150 ? 0 : 2.5, pointHoverRadius: 5, clip: 6 }] },
      options: {
        interaction: { mode: "nearest", intersect: false },
        scales: { x: axis("share of the bytes, %", { type: "linear", min: 0, max: 100 }),
                  y: axis("share of the damage, %", { min: 0, max: 100 }) },
        plugins: { legend: { display: false }, tooltip: tooltip((item) => item.raw.rank + "  " + shortened(item.raw.name, 60),
          (item) => "so far " + figure(item.raw.x) + " % of the bytes, " + figure(item.raw.y) + " % of the damage") },
      },
    }),
    table: () => ({
      head: [["layer", "name"], ["place", "number"], ["damage", "number", percent], ["bytes", "number", percent], ["encoding", "text"],
             ["error", "number"]],
      rows: order.weights.map((entry, index) => [entry.name, index + 1, entry.damage_share, entry.bytes_share,
                                                 encodingText(entry.encoding), entry.encoded_error]),
    }),
  });
}

// The bytes and errors of the plan at the reference bits, and of every error that was priced.
function layersPart() {
  const part = section("layers", "Layer by layer");
  const errors = (report.weights.find((weight) => weight.costs.length > 0) || { costs: [] }).costs.map((cost) => cost.error);
  if (errors.length > 0) {
    let at = Math.min(1, errors.length - 1);
    const after = () => "at error " + figure(errors[at]);
    const costed = () => report.weights.filter((weight) => weight.costs.length > at);
    const options = errors.map((error, index) => [index, figure(error)]);
    const control = choice("Relative error", [options[at], ...options.filter(([index]) => index !== at)], (value) => {
      at = Number(value);
      redraw();
    });
    const rows = () => costed().map((weight) => [weight.name, weight.bytes, weight.costs[at].bytes]);
    const sum = (index) => rows().reduce((total, row) => total + row[index], 0);
    bytesChart(part, { title: "Bytes per layer", rows, before: "now", after, controls: [control],
      words: () => "All together " + bytes(sum(1)) + " now and " + bytes(sum(2)) + " " + after() + " of each layer's output." });
  }
  const encoded = new Map(report.order.weights.map((entry) => [entry.name, entry.encoded_error]));
  if (encoded.size === 0) return;
  depthChart(part, {
    title: "Error against depth", value: () => "relative error at " + report.order.reference_bits + " bits",
    rows: () => report.weights.filter((weight) => encoded.has(weight.name)).map((weight) => [weight.name, encoded.get(weight.name)]),
    words: (rows) => "One plan of " + report.order.reference_bits + " bits a weight on average; largest: " + worst(rows) + ".",
  });
}

function structurePart() {
  const part = section("structure", "Structure");
  const listed = report.weights.filter((weight) => weight.ranks && weight.spectrum.singular_values.length > 1);
  if (listed.length > 0) spectraChart(part, listed);
  alikeChart(part);
  modesChart(part);
  const patterns = report.weights.flatMap((weight) => weight.patterns.map((pattern) =>
    [weight.name, pattern.number, 100 * pattern.strength, pattern.description]));
  if (patterns.length === 0) return;
  const list = section("patterns", "Dominant patterns");
  sortableTable(list, "Dominant patterns",
                [["weight", "name"], ["number", "number"], ["energy %", "number"], ["what it loads on", "wide"]], patterns);
}

function analyzeWeights() {
  const places = new Map(report.order.weights.map((entry, index) => [entry.name, [index + 1, 100 * entry.damage_share]]));
  const rows = report.weights.map((weight) => {
    const [place, damage] = places.get(weight.name) || [null, null];
    const ranks = weight.ranks || { energy: [] };
    const energy = ranks.energy.length ? ranks.energy[ranks.energy.length - 1].rank : null;
    const statistics = weight.statistics;
    return [weight.name, place, damage, weight.role, shape(weight.shape), weight.bytes, statistics.deviation, statistics.excess_kurtosis,
            statistics.largest, 100 * statistics.zeros, ranks.stable, ranks.effective, energy, weight.input_effective_rank, weight.note];
  });
  const part = section("weights", "Weights");
  sortableTable(part, "Weights of the model",
    [["weight", "name"], ["place", "number"], ["damage %", "number"], ["role", "text"], ["shape", "text"], ["bytes", "number", bytes],
     ["deviation", "number"], ["kurtosis", "number"], ["largest/dev", "number"], ["zeros %", "number"], ["stable rank", "number"],
     ["effective rank", "number"], ["99 % rank", "number"], ["input rank", "number"], ["note", "text"]], rows);
}

function analyzePage() {
  analyzeHead();
  if (report.sweep && report.sweep.points.length > 0) frontPart(report.sweep);
  orderPart();
  layersPart();
  structurePart();
  analyzeWeights();
  return report.model.path;
}
