"use strict";
// Charts with one value a layer: bytes, and error against depth.

const MAX_BARS = 30;

// Rows [name, before, after], largest first; those beyond MAX_BARS are one bar.
function largest(rows) {
  const sorted = rows.slice().sort((a, b) => b[1] - a[1]);
  if (sorted.length <= MAX_BARS) return sorted;
  const rest = sorted.slice(MAX_BARS - 1);
  const sum = (index) => rest.reduce((total, row) => total + (row[index] || 0), 0);
  return [...sorted.slice(0, MAX_BARS - 1), [rest.length + " other weights", sum(1), sum(2)]];
}

const depthOf = (row, index) => (row.length > 2 ? row[2] : index + 1);

// `rest`: the last one is no name.
function nameTicks(names, rest = false) {
  const short = shortNames(rest ? names.slice(0, -1) : names, narrow() ? 17 : 42);
  if (rest) short.push(names[names.length - 1]);
  return { autoSkip: false, callback: (value) => short[value] };
}

// rows(): [name, before, after]; words(rows): what it says; after: what the second bar is called.
function bytesChart(part, { title, rows, words, before, after, controls }) {
  chart(part, {
    title, controls,
    about: () => words(rows()),
    height: () => 90 + 24 * Math.min(rows().length, MAX_BARS),
    config: () => {
      const shown = largest(rows());
      const names = shown.map((row) => row[0]);
      const bar = (label, index, background) => ({
        label, data: shown.map((row) => row[index]), backgroundColor: background, borderWidth: 0,
        barPercentage: 0.92, categoryPercentage: 0.78, minBarLength: 1,
      });
      return {
        type: "bar",
        data: { labels: names, datasets: [bar(before, 1, color("before")), bar(after(), 2, seriesColor(0))] },
        options: {
          indexAxis: "y", interaction: { mode: "nearest", axis: "y", intersect: false },
          scales: {
            x: axis("bytes", { beginAtZero: true, ticks: { callback: bytes, maxTicksLimit: narrow() ? 5 : 9 } }),
            y: axis("", { grid: { display: false }, ticks: nameTicks(names, rows().length > MAX_BARS) }),
          },
          plugins: {
            legend: legend({ pointStyle: "rect" }),
            tooltip: tooltip((item) => shortened(names[item.dataIndex], 60),
                             (item) => item.dataset.label + ": " + bytes(item.raw)),
          },
        },
      };
    },
    table: () => ({ head: [["weight", "name"], [before, "number", bytes], [after(), "number", bytes]],
                    rows: rows().slice().sort((a, b) => b[1] - a[1]) }),
  });
}

// rows(): [name, value, depth] in the order of the model, value null where there is none; without depths layers are counted.
function depthChart(part, { title, rows, value, words, controls, logarithmic = true }) {
  chart(part, {
    title, controls,
    about: () => words(rows()),
    config: () => {
      const all = rows();
      const points = all.map((row, index) => ({ x: depthOf(row, index), y: logarithmic && !(row[1] > 0) ? null : row[1] }));
      const depths = points.map((point) => point.x);
      const name = (item) => shortened(all[item.dataIndex][0], 60);
      return {
        type: "line",
        data: { datasets: [{ label: value(), data: points, borderColor: seriesColor(0), backgroundColor: seriesColor(0),
                             borderWidth: 1.5, pointRadius: all.length > 120 ? 1.5 : 3, pointHoverRadius: 5, spanGaps: true, clip: 6 }] },
        options: {
          interaction: { mode: "nearest", axis: "x", intersect: false },
          scales: {
            x: axis("layer, in the order of the model", { type: "linear", min: Math.min(...depths) - 0.5, max: Math.max(...depths) + 0.5,
              ticks: { precision: 0, callback: (tick) => (Number.isInteger(tick) ? tick : "") } }),
            y: (logarithmic ? logAxis : axis)(value()),
          },
          plugins: { legend: { display: false },
                     tooltip: tooltip(name, (item) => value() + ": " + figure(item.raw.y)) },
        },
      };
    },
    table: () => ({ head: [["layer", "name"], ["depth", "number"], [value(), "number"]],
                    rows: rows().map((row, index) => [row[0], depthOf(row, index), row[1]]) }),
  });
}

// "worst: a (0.1), b (0.08)" of rows [name, value].
function worst(rows, count = 3) {
  const sorted = rows.filter((row) => row[1] > 0).sort((a, b) => b[1] - a[1]).slice(0, count);
  return sorted.map((row) => shortened(row[0], 60) + " (" + figure(row[1]) + ")").join(", ");
}
