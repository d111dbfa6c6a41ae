"use strict";
// Tables: a plain one beside a chart, and one that is sorted by its headers and filtered by name.
// A column is [title, kind, text]: kind name, text, wide or number; text(value) shows a number.

function cell(value, [, kind, text], first) {
  const shown = text ? text(value) : kind === "number" ? figure(value) : value === null || value === undefined ? "" : value;
  const attributes = { class: kind, scope: first ? "row" : null };
  if (kind !== "name") return make(first ? "th" : "td", attributes, shown);
  // Long names may end a line after a dot, a slash or an underscore.
  const parts = String(shown).split(/(?<=[._/])/).flatMap((part) => [part, make("wbr")]);
  return make(first ? "th" : "td", { ...attributes, dir: "auto" }, parts.slice(0, -1));
}

function bodyRow(row, columns) {
  return make("tr", {}, columns.map((column, index) => cell(row[index], column, index === 0)));
}

function scroller(title, table) {
  return make("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": title }, table);
}

function plainTable(title, { head, rows }) {
  const heads = head.map(([name, kind]) => make("th", { scope: "col", class: kind === "number" ? "number" : null }, name));
  return scroller(title, make("table", {}, make("caption", {}, title), make("thead", {}, make("tr", {}, heads)),
                              make("tbody", {}, rows.map((row) => bodyRow(row, head)))));
}

// Empty cells come last in either direction.
function compareBy(index, descending) {
  const sign = descending ? -1 : 1;
  const empty = (value) => value === null || value === undefined || value === "";
  return (a, b) => {
    const [x, y] = [a[index], b[index]];
    if (empty(x) || empty(y)) return empty(x) - empty(y);
    if (typeof x === "number" && typeof y === "number") return sign * (x - y);
    return sign * String(x).localeCompare(String(y), "en", { numeric: true });
  };
}

function sortableTable(part, title, columns, rows) {
  const body = make("tbody");
  const status = make("span", { role: "status" });
  const input = make("input", { type: "search", "aria-label": "Rows whose name contains" });
  let order = rows.slice();
  const show = () => {
    const wanted = input.value.toLowerCase();
    const found = order.filter((row) => String(row[0]).toLowerCase().includes(wanted));
    body.replaceChildren(...found.map((row) => bodyRow(row, columns)));
    const all = rows.length + (rows.length === 1 ? " row" : " rows");
    status.textContent = found.length === rows.length ? all : found.length + " of " + all;
  };
  const heads = columns.map(([name, kind], index) => {
    const button = make("button", { type: "button" }, name);
    const head = make("th", { scope: "col", "aria-sort": "none", class: kind === "number" ? "number" : null }, button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const descending = before === "none" ? kind === "number" : before === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      order = rows.slice().sort(compareBy(index, descending));
      show();
    });
    return head;
  });
  input.addEventListener("input", show);
  part.append(make("div", { class: "filter" }, make("label", {}, "Name contains ", input), status),
              scroller(title, make("table", {}, make("caption", {}, title), make("thead", {}, make("tr", {}, heads)), body)));
  show();
}
