"use strict";
// Builds the page of the command that wrote it.

document.documentElement.dataset.theme = system.matches ? "dark" : "light";
const subject = { analyze: analyzePage, compress: compressPage, verify: verifyPage }[data.command]();
document.getElementById("title").textContent = "tt " + data.command;
document.getElementById("subject").append(make("bdi", {}, subject));
document.getElementById("made").textContent = "Written by tt " + data.version + ". " + data.note;
document.title = visible("tt " + data.command + ": " + subject);
setTheme(system.matches);
document.documentElement.dataset.ready = "true";
