// SPDX-License-Identifier: ISC
// Runs the script of a medium's page outside of a browser: a folder is chosen, and what the page then shows is
// printed, a line each with its kind before it.
//
//   page.js FOLDER [without-webcrypto]
"use strict";
const fs = require("fs");
const path = require("path");

const folder = process.argv[2];
const page = fs.readFileSync(path.join(folder, "index.html"), "utf8");
const script = page.match(/<script>\n([^]*?)<\/script>/)[1];

function element() {
  return { dataset: {}, listeners: {}, shown: [], addEventListener(kind, f) { this.listeners[kind] = f; },
           append(item) { this.shown.push(item); } };
}

const elements = new Map();
const document = {
  createElement: element,
  getElementById(id) {
    if (!page.includes('id="' + id + '"')) throw new Error("the page has no element '" + id + "'");
    if (!elements.has(id)) elements.set(id, element());
    return elements.get(id);
  },
};
document.getElementById("check").dataset.bundle = page.match(/data-bundle="([^"]*)"/)[1];

// As a browser gives them: names beneath the chosen folder's own.
function fileOf(name) {
  const bytes = fs.readFileSync(path.join(folder, name));
  return {
    webkitRelativePath: "chosen/" + name, size: bytes.length,
    async text() { return bytes.toString("utf8"); },
    async arrayBuffer() { return bytes; },
    slice(from, to) { return { arrayBuffer: async () => bytes.subarray(from, to) }; },
  };
}

function walk(below) {
  return fs.readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(below, entry.name);
    return entry.isDirectory() ? walk(name) : [fileOf(name)];
  });
}

const crypto = process.argv[3] ? {} : require("crypto").webcrypto;
new Function("document", "window", "crypto", script)(document, { crypto }, crypto);
const chosen = document.getElementById("check-folder").listeners.change({ target: { files: walk("") } });
Promise.resolve(chosen).then(() => {
  for (const item of document.getElementById("check-found").shown) console.log(item.className + ": " + item.textContent);
});
