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

// A short text in place of a long name. From the left, parts between dots and slashes shrink to one letter (numbers
// stay) until it fits: e.l.0.attention.self.query; what is still too long loses its middle.
function shortened(text, length) {
  const parts = visible(text).split(/(?<=[./])/);
  const size = () => parts.reduce((sum, part) => sum + part.length, 0);
  for (let index = 0; index + 1 < parts.length && size() > length; index += 1) {
    if (!/^\d+[./]$/.test(parts[index])) parts[index] = [...parts[index]][0] + parts[index].slice(-1);
  }
  const letters = [...parts.join("")];
  if (letters.length <= length) return letters.join("");
  const tail = Math.ceil((length - 1) / 2);
  return letters.slice(0, length - 1 - tail).join("") + "\u2026" + letters.slice(-tail).join("");
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// At most `digits` significant digits; nothing for what was not measured.
function figure(value, digits = 3) {
  if (!isNumber(value)) return "";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  return size >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(digits)));
}

const percent = (share) => (isNumber(share) ? figure(100 * share) + " %" : "");

// 10^3 and its powers, as everywhere in tt.
function bytes(value) {
  if (!isNumber(value)) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; value >= 1000 && unit + 1 < units.length; value /= 1000) unit += 1;
  return Number(value.toPrecision(3)) + " " + units[unit];
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
  part.append(make("h3", {}, title), make("ul", { class: "notes" }, texts.map((text) => make("li", {}, text))));
}
