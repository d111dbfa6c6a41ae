"use strict";
// Which layers are alike, and how much the slices of a weight's modes are.

const MAX_ALIKE = 96;

// Weights of one shape that were compared, most of them first: {name, members, pairs}.
function shapeGroups() {
  const shapes = new Map(report.weights.map((weight) => [weight.name, shape(weight.shape)]));
  const groups = new Map();
  for (const pair of report.similar) {
    const name = shapes.get(pair.first);
    if (name === undefined) continue;
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(pair);
  }
  const list = [...groups].map(([name, pairs]) => {
    const compared = new Set(pairs.flatMap((pair) => [pair.first, pair.second]));
    const members = report.weights.map((weight) => weight.name).filter((one) => compared.has(one)).slice(0, MAX_ALIKE);
    return { name, pairs, members };
  });
  return list.sort((a, b) => b.members.length - a.members.length);
}

const MEASURES = [["output_overlap", "overlap of the outputs"], ["input_overlap", "overlap of the inputs"], ["cosine", "cosine"]];

function alikeCells(group, measure) {
  const place = new Map(group.members.map((name, index) => [name, index]));
  const cells = group.members.map((name, index) => ({ x: index, y: index, value: 1, text: shortened(name, 60) + ": itself" }));
  for (const pair of group.pairs) {
    const [x, y] = [place.get(pair.first), place.get(pair.second)];
    if (x === undefined || y === undefined) continue;
    const text = shortened(pair.first, 44) + " and " + shortened(pair.second, 44) + ": " + figure(pair[measure]);
    cells.push({ x, y, value: pair[measure], text }, { x: y, y: x, value: pair[measure], text });
  }
  return cells;
}

function alikeChart(part) {
  const groups = shapeGroups();
  if (groups.length === 0) return;
  let group = groups[0];
  let measure = MEASURES[0][0];
  const titleOf = () => MEASURES.find(([name]) => name === measure)[1];
  const controls = [
    choice("Shape", groups.map((one, index) => [index, one.name + ", " + one.members.length + " weights"]), (value) => {
      group = groups[Number(value)];
      draw();
    }),
    choice("Measure", MEASURES, (value) => {
      measure = value;
      draw();
    }),
  ];
  const sorted = () => group.pairs.slice().sort((a, b) => Math.abs(b[measure]) - Math.abs(a[measure]));
  const draw = chart(part, {
    title: "Similarity between layers", controls, extra: heatScale(1),
    about: () => {
      const best = sorted()[0];
      return "Largest " + titleOf() + " among the " + group.members.length + " weights of shape " + group.name + ": "
        + figure(best[measure]) + ", " + shortened(best.first, 60) + " and " + shortened(best.second, 60) + ".";
    },
    height: () => Math.max(220, Math.min(760, 150 + 22 * group.members.length)),
    config: () => heatConfig({ rows: group.members, columns: group.members, cells: alikeCells(group, measure), top: 1 }),
    table: () => ({ head: [["weight", "name"], ["weight", "name"], [titleOf(), "number"]],
                    rows: sorted().map((pair) => [pair.first, pair.second, pair[measure]]) }),
  });
}

const MODE_MEASURES = [["largest_correlation", "largest correlation of two slices"],
                       ["mean_correlation", "mean correlation of slices"], ["variance_share", "variance explained"]];

function modesChart(part) {
  const all = report.weights.filter((weight) => weight.unfoldings.length > 1);
  if (all.length === 0) return;
  const weights = all.slice(0, MAX_ALIKE);
  let measure = MODE_MEASURES[0][0];
  const titleOf = () => MODE_MEASURES.find(([name]) => name === measure)[1];
  const flat = () => weights.flatMap((weight, y) => weight.unfoldings.map((mode) => ({
    x: mode.mode - 1, y, value: mode[measure],
    text: shortened(weight.name, 44) + ", mode " + mode.mode + " (" + mode.name + ", " + mode.size + " slices): " + figure(mode[measure]) })));
  const columns = () => Array.from({ length: 1 + Math.max(...flat().map((one) => one.x)) }, (_, index) => "mode " + (index + 1));
  const draw = chart(part, {
    title: "Correlations along the modes", extra: heatScale(1),
    controls: [choice("Measure", MODE_MEASURES, (value) => {
      measure = value;
      draw();
    })],
    about: () => {
      const best = flat().reduce((a, b) => (Math.abs(b.value) > Math.abs(a.value) ? b : a));
      return "The largest: " + best.text + ".";
    },
    height: () => Math.min(1200, 70 + 20 * weights.length),
    config: () => heatConfig({ rows: weights.map((weight) => weight.name), columns: columns(), cells: flat(), top: 1 }),
    table: () => ({
      head: [["weight", "name"], ["mode", "number"], ["what", "text"], ["slices", "number"], [titleOf(), "number"]],
      rows: weights.flatMap((weight) => weight.unfoldings.map((mode) => [weight.name, mode.mode, mode.name, mode.size, mode[measure]])),
    }),
  });
}
