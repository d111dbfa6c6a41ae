"use strict";
// Figures: a heading, what the chart says in words, the chart, and its numbers as a table.

const figures = [];
const narrow = () => window.innerWidth < 640;
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const seriesColor = (index) => color("series-" + (index % 8));

Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;
Chart.defaults.font.family = getComputedStyle(document.documentElement).fontFamily;
Chart.defaults.font.size = 12;

function axis(title, options = {}) {
  const { ticks = {}, grid = {}, ...rest } = options;
  return {
    title: { display: Boolean(title), text: title, color: color("muted") },
    grid: { color: color("grid"), borderColor: color("line"), tickLength: 4, ...grid },
    ticks: { color: color("muted"), maxRotation: 0, ...ticks },
    ...rest,
  };
}

// Labels at powers of ten, and at 2 and 5 between them where the axis is short.
function logAxis(title, show = figure, options = {}) {
  const labelled = (value, decades) => {
    const mantissa = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
    if (decades > 7) return mantissa === 1 && Math.round(Math.log10(value)) % 2 === 0;
    return decades > 2.5 ? mantissa === 1 : [1, 2, 5].includes(mantissa);
  };
  const afterBuildTicks = (scale) => {
    const decades = Math.log10(scale.max / scale.min);
    scale.ticks = scale.ticks.filter((tick) => labelled(tick.value, decades));
  };
  return axis(title, { type: "logarithmic", afterBuildTicks, ...options, ticks: { callback: (value) => show(value), ...(options.ticks || {}) } });
}

function tooltip(title, label) {
  return {
    backgroundColor: color("text"), titleColor: color("page"), bodyColor: color("page"), displayColors: false,
    callbacks: { title: (items) => title(items[0]), label },
  };
}

const legend = (options = {}) => ({
  position: "top", align: "start",
  labels: { color: color("text"), usePointStyle: true, boxHeight: 7, padding: 14, ...options },
});

// parts: title; about: what it says (a text, or a function); height: pixels, or a function; controls, extra: elements above and below;
// config(): what Chart.js draws, in the colours of the moment; table(): {head: [[title, kind]], rows}.
function chart(part, { title, about, height = 320, controls = [], extra = null, config, table }) {
  const canvas = make("canvas", { role: "img" });
  const drawing = make("div", { class: "drawing" }, canvas);
  const caption = make("figcaption", { class: "caption" });
  const details = make("details", {}, make("summary", {}, "Numbers of this chart"));
  const head = make("div", { class: "figure-head" }, make("h3", {}, title),
                    controls.length ? make("div", { class: "controls" }, controls) : null);
  part.append(make("figure", {}, head, drawing, extra, caption, details));
  let drawn = null;
  const fill = () => {
    details.querySelectorAll(".scroller").forEach((old) => old.remove());
    if (details.open) details.append(plainTable(title, table()));
  };
  details.addEventListener("toggle", fill);
  const draw = () => {
    if (drawn) drawn.destroy();
    drawing.style.height = (typeof height === "function" ? height() : height) + "px";
    const words = visible(typeof about === "function" ? about() : about);
    canvas.setAttribute("aria-label", title + ". " + words);
    caption.textContent = words;
    drawn = new Chart(canvas, config());
    fill();
  };
  figures.push(draw);
  draw();
  return draw;
}

// A select with its label; change is called with the value.
function choice(label, options, change) {
  const select = make("select", {}, options.map(([value, text]) => make("option", { value }, shortened(text, 60))));
  select.addEventListener("change", () => change(select.value));
  return make("label", {}, label, select);
}

function redraw() {
  figures.forEach((draw) => draw());
}
