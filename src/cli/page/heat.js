"use strict";
// Heat maps: one filled cell for every pair of a row and a column, drawn by a chart type of its own.

class HeatCell extends Chart.Element {
  draw(context) {
    context.fillStyle = this.options.backgroundColor;
    context.fillRect(this.x - this.width / 2, this.y - this.height / 2, this.width, this.height);
  }
  inRange(x, y) {
    return Math.abs(x - this.x) <= this.width / 2 && Math.abs(y - this.y) <= this.height / 2;
  }
  inXRange(x) { return Math.abs(x - this.x) <= this.width / 2; }
  inYRange(y) { return Math.abs(y - this.y) <= this.height / 2; }
  getCenterPoint() { return { x: this.x, y: this.y }; }
  tooltipPosition() { return this.getCenterPoint(); }
}
HeatCell.id = "heatCell";

class HeatController extends Chart.DatasetController {
  update() {
    const cells = this._cachedMeta.data;
    this.updateElements(cells, 0, cells.length, "none");
  }
  updateElements(cells, start, count) {
    const { xScale, yScale } = this._cachedMeta;
    const data = this.getDataset().data;
    const width = Math.abs(xScale.getPixelForValue(1) - xScale.getPixelForValue(0));
    const height = Math.abs(yScale.getPixelForValue(1) - yScale.getPixelForValue(0));
    for (let index = start; index < start + count; index += 1) {
      this.updateElement(cells[index], index, {
        x: xScale.getPixelForValue(data[index].x), y: yScale.getPixelForValue(data[index].y),
        width: Math.max(1, width - (width > 8 ? 1 : 0)), height: Math.max(1, height - (height > 8 ? 1 : 0)),
        options: { backgroundColor: data[index].color },
      }, "none");
    }
  }
}
HeatController.id = "heat";
HeatController.defaults = { dataElementType: "heatCell", parsing: false };
Chart.register(HeatCell, HeatController);

// Between the colours low and high of the page; share from 0 to 1.
function heatColor(share) {
  const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [low, high] = [parse(color("low")), parse(color("high"))];
  const at = Math.min(1, Math.max(0, share));
  return "rgb(" + low.map((value, index) => Math.round(value + at * (high[index] - value))).join(",") + ")";
}

// rows, columns: names; cells: {x, y, value, text} with indices of both; top: the value of the strongest colour.
function heatConfig({ rows, columns, cells, top }) {
  const ticks = (names, length) => {
    const short = shortNames(names, length);
    return { autoSkip: true, autoSkipPadding: 6, callback: (value) => short[value] };
  };
  const scale = (names, length, extra) => axis("", { type: "linear", offset: false, min: -0.5, max: names.length - 0.5,
    grid: { display: false }, afterBuildTicks: (self) => { self.ticks = names.map((_, value) => ({ value })); }, ...extra,
    ticks: { ...ticks(names, length), ...extra.ticks } });
  const data = cells.map((one) => ({ ...one, color: heatColor(Math.abs(one.value) / top) }));
  return {
    type: "heat", data: { datasets: [{ data }] },
    options: {
      interaction: { mode: "nearest", intersect: true },
      scales: { x: scale(columns, narrow() ? 12 : 24, { ticks: { maxRotation: 60, minRotation: columns.length > 4 ? 60 : 0 } }),
                y: scale(rows, narrow() ? 17 : 42, { reverse: true, ticks: {} }) },
      plugins: { legend: { display: false }, tooltip: tooltip(() => "", (item) => item.raw.text) },
    },
  };
}

// The scale of colours in words and as a row of cells.
function heatScale(top) {
  const canvas = make("canvas", { width: 160, height: 12, "aria-hidden": "true" });
  const draw = () => {
    const context = canvas.getContext("2d");
    for (let x = 0; x < 160; x += 1) {
      context.fillStyle = heatColor(x / 159);
      context.fillRect(x, 0, 1, 12);
    }
  };
  figures.push(draw);
  draw();
  return make("span", { class: "caption" }, "0 ", canvas, " " + top);
}
