"use strict";
// Singular values of several weights, on a logarithmic axis.

const MAX_SPECTRA = 8;

// {x: rank, y: singular value} of those that are listed; thinned lists say which ranks they hold.
function spectrumPoints(weight, relative) {
  const { singular_values: values, indices } = weight.spectrum;
  const scale = relative ? values[0] : 1;
  return values.map((value, index) => ({ x: indices ? indices[index] + 1 : index + 1, y: value / scale }))
    .filter((point) => point.y > 0);
}

function spectraChoices(weights, selected, change) {
  const short = shortNames(weights.map((weight) => weight.name), 36);
  const boxes = weights.map((weight, index) => {
    const box = make("input", { type: "checkbox" });
    box.checked = selected.includes(index);
    box.addEventListener("change", () => change(index, box));
    return make("label", {}, box, make("span", { title: visible(weight.name), dir: "auto" }, short[index]));
  });
  return make("fieldset", {}, make("legend", {}, "Weights (up to " + MAX_SPECTRA + ")"), make("div", { class: "choices" }, boxes));
}

function spectraWords(shown) {
  const one = (weight) => shortened(weight.name, 60) + ": effective rank " + figure(weight.ranks.effective) + " of "
    + Math.min(weight.outputs, weight.inputs);
  return shown.length ? shown.map(one).join("; ") + "." : "No weight is chosen.";
}

function spectraConfig(shown, relative, logarithmic) {
  const names = shortNames(shown.map((weight) => weight.name), narrow() ? 24 : 44);
  const datasets = shown.map((weight, index) => ({
    label: names[index], data: spectrumPoints(weight, relative), borderColor: seriesColor(index),
    backgroundColor: seriesColor(index), borderWidth: 1.75, pointRadius: 0, pointHoverRadius: 4, pointStyle: "line",
  }));
  return {
    type: "line", data: { datasets },
    options: {
      interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: {
        x: logarithmic ? logAxis("index of the singular value") : axis("index of the singular value", { type: "linear", min: 0 }),
        y: logAxis(relative ? "singular value / largest" : "singular value"),
      },
      plugins: { legend: legend(),
                 tooltip: tooltip((item) => "index " + item.raw.x, (item) => item.dataset.label + ": " + figure(item.raw.y)) },
    },
  };
}

function spectraChart(part, weights) {
  const largestFirst = weights.map((weight, index) => [weight.elements, index]).sort((a, b) => b[0] - a[0]);
  let selected = largestFirst.slice(0, 4).map(([, index]) => index);
  let relative = true;
  let logarithmic = false;
  const shown = () => selected.map((index) => weights[index]);
  const scale = choice("Scale", [["relative", "relative to the largest"], ["absolute", "as they are"]], (value) => {
    relative = value === "relative";
    draw();
  });
  const indices = choice("Index", [["linear", "linear"], ["log", "logarithmic"]], (value) => {
    logarithmic = value === "log";
    draw();
  });
  const draw = chart(part, {
    title: "Singular spectra", controls: [scale, indices], height: () => (narrow() ? 420 : 380),
    about: () => spectraWords(shown()), config: () => spectraConfig(shown(), relative, logarithmic),
    table: () => ({
      head: [["weight", "name"], ["index", "number"], ["singular value", "number"]],
      rows: shown().flatMap((weight) => spectrumPoints(weight, relative).map((point) => [weight.name, point.x, point.y])),
    }),
  });
  part.append(spectraChoices(weights, selected, (index, box) => {
    if (box.checked && selected.length >= MAX_SPECTRA) box.checked = false;
    else if (box.checked) selected = [...selected, index];
    else selected = selected.filter((other) => other !== index);
    draw();
  }));
}
