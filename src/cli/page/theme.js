"use strict";
// Light or dark as the system says, until the button is used.

const system = window.matchMedia("(prefers-color-scheme: dark)");
const themeButton = document.getElementById("theme");

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  themeButton.textContent = dark ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", dark ? "Use light colours" : "Use dark colours");
  redraw();
}

let chosen = false;
themeButton.addEventListener("click", () => {
  chosen = true;
  setTheme(document.documentElement.dataset.theme !== "dark");
});
system.addEventListener("change", () => {
  if (!chosen) setTheme(system.matches);
});

// What depends on the width of the window is chosen anew when a phone is turned.
let wasNarrow = narrow();
window.addEventListener("resize", () => {
  if (wasNarrow === narrow()) return;
  wasNarrow = narrow();
  redraw();
});
