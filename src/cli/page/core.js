"use strict";
// What every part of the page uses: the report, elements, figures as text. Names in the report come from strangers:
// they reach the page as text nodes only, and what could hide or turn text around is shown as an escape.

const data = JSON.parse(document.getElementById("data").textContent);
const report = data.report;

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function visible(text) {
  return String(text).replace(HIDDEN, (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0"));
}

// An element with attributes and children; a child that is no element becomes text.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
  return element;
}

// A part of the page with a heading, listed in the navigation.
function section(id, title, explanation) {
  const part = make("section", { id, "aria-labelledby": id + "-title" }, make("h2", { id: id + "-title" }, title));
  if (explanation) part.append(make("p", {}, explanation));
  document.getElementById("content").append(part);
  document.getElementById("sections").append(make("li", {}, make("a", { href: "#" + id }, title)));
  return part;
}

// Short texts in place of long names, made alike for all of them: a last part that they share (".weight") is left out;
// then parts from the left shrink to one letter (numbers stay), e.l.0.attention.self.query, until all fit; what is still
// too long loses its middle.
function shortNames(names, length) {
  const lists = names.map((name) => visible(name).split(/(?<=[./])/));
  const end = lists.length > 1 && lists.every((parts) => parts.length > 1 && parts[parts.length - 1] === lists[0][lists[0].length - 1]);
  const kept = end ? lists.map((parts) => [...parts.slice(0, -2), parts[parts.length - 2].slice(0, -1)]) : lists;
  const shrunk = (parts, count) => parts.map((part, index) =>
    (index >= count || index + 1 === parts.length || /^\d+[./]$/.test(part) ? part : [...part][0] + part.slice(-1)));
  let count = 0;
  const most = Math.max(0, ...kept.map((parts) => parts.length));
  while (count < most && kept.some((parts) => shrunk(parts, count).join("").length > length)) count += 1;
  return kept.map((parts) => withoutMiddle(shrunk(parts, count).join(""), length));
}

function withoutMiddle(text, length) {
  const letters = [...text];
  if (letters.length <= length) return text;
  const tail = Math.ceil((length - 1) / 2);
  return letters.slice(0, length - 1 - tail).join("") + "\u2026" + letters.slice(-tail).join("");
}

const shortened = (name, length) => shortNames([name], length)[0];

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// So many digits that a share just below 1 does not look like 1.
const digitsOf = (share, digits) => (share > 0.9 && share < 1 ? Math.max(digits, Math.ceil(-Math.log10(1 - share))) : digits);

// At most `digits` significant digits, more just below 1; nothing for what was not measured.
function figure(value, digits = 3) {
  if (!isNumber(value)) return "";
  if (value === 0) return "0";
  const size = Math.abs(value);
  digits = digitsOf(size, digits);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  return size >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(digits)));
}

const percent = (share) => (isNumber(share) ? figure(100 * share, digitsOf(share, 3)) + "\u00a0%" : "");

// 10^3 and its powers, as everywhere in tt.
function bytes(value) {
  if (!isNumber(value)) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; value >= 1000 && unit + 1 < units.length; value /= 1000) unit += 1;
  return Number(value.toPrecision(3)) + "\u00a0" + units[unit];
}

const shape = (sizes) => sizes.join("\u00d7");

// "lowrank rank 32 f16": the format and its parameters.
function encodingText(encoding) {
  if (!encoding) return "";
  const rest = Object.entries(encoding).filter(([name, value]) => name !== "format" && value !== null);
  const one = ([name, value]) => name + " " + (Array.isArray(value) ? shape(value) : isNumber(value) ? figure(value) : value);
  return [encoding.format, ...rest.map(one)].join(", ");
}

// Figures at the top of a page: [name, figure, note], the empty ones left out.
function tiles(part, list) {
  const shown = list.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  part.append(make("dl", { class: "tiles" }, shown.map(([name, value, note]) =>
    make("div", { class: "tile" }, make("dt", {}, name),
         make("dd", {}, value, note ? make("span", { class: "note" }, note) : null)))));
}

function notes(part, title, texts) {
  if (texts.length === 0) return;
  part.append(make("h3", {}, title), make("ul", { class: "notes" }, texts.map((text) => make("li", {}, text.replace(/(\d) %/g, "$1\u00a0%")))));
}
