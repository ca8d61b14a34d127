// SPDX-License-Identifier: ISC
// Checks a medium in the browser, with nothing installed and nothing sent anywhere: every file that its list names is
// hashed and compared. That tells a damaged or half-copied medium; that it is genuine is proved by causeway-sync.
"use strict";
(function () {
  const PIECE = 8 << 20;          // bytes read at a time from large files
  const WHOLE_MAX = 128 << 20;    // larger ones are hashed piece by piece, which WebCrypto cannot
  const SHOWN_MAX = 200;          // findings
  const page = document.getElementById("check");
  const line = document.getElementById("check-line");
  const bar = document.getElementById("check-bar");
  const found = document.getElementById("check-found");

  const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

  // SHA-256 (FIPS 180-4), for what comes in pieces. Its constants are the fractions of roots of the first primes.
  const K = [], START = [];
  for (let n = 2; K.length < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
    if (!prime) continue;
    const fraction = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
    if (START.length < 8) START.push(fraction(Math.sqrt(n)));
    K.push(fraction(Math.cbrt(n)));
  }

  class Sha256 {
    constructor() {
      this.state = Int32Array.from(START);
      this.words = new Int32Array(64);
      this.rest = new Uint8Array(64);
      this.kept = 0;
      this.length = 0;
    }
    block(bytes, at) {
      const w = this.words, s = this.state;
      for (let i = 0; i < 16; i++, at += 4)
        w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15], y = w[i - 2];
        w[i] = (w[i - 16] + w[i - 7] + (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
                (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10))) | 0;
      }
      let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
      for (let i = 0; i < 64; i++) {
        const t = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) +
                   ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const u = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) +
                   ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t) | 0; d = c; c = b; b = a; a = (t + u) | 0;
      }
      s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
    }
    add(bytes) {
      let at = 0;
      this.length += bytes.length;
      if (this.kept > 0) {
        at = Math.min(64 - this.kept, bytes.length);
        this.rest.set(bytes.subarray(0, at), this.kept);
        this.kept += at;
        if (this.kept < 64) return;
        this.block(this.rest, 0);
      }
      for (; at + 64 <= bytes.length; at += 64) this.block(bytes, at);
      this.kept = bytes.length - at;
      this.rest.set(bytes.subarray(at));
    }
    end() {
      const bits = this.length * 8, pad = new Uint8Array(this.kept < 56 ? 64 - this.kept : 128 - this.kept);
      pad[0] = 0x80;
      const view = new DataView(pad.buffer);
      view.setUint32(pad.length - 8, Math.floor(bits / 4294967296));
      view.setUint32(pad.length - 4, bits >>> 0);
      this.add(pad);
      const out = new DataView(new ArrayBuffer(32));
      this.state.forEach((word, i) => out.setInt32(4 * i, word));
      return hex(new Uint8Array(out.buffer));
    }
  }

  async function hashBytes(bytes) {
    if (window.crypto && crypto.subtle) return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
    const sha = new Sha256();
    sha.add(bytes);
    return sha.end();
  }

  async function hashFile(file, step) {
    if (file.size <= WHOLE_MAX) {
      const sum = await hashBytes(new Uint8Array(await file.arrayBuffer()));
      step(file.size);
      return sum;
    }
    const sha = new Sha256();
    for (let at = 0; at < file.size; at += PIECE) {
      const bytes = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
      sha.add(bytes);
      step(bytes.length);
    }
    return sha.end();
  }

  const hashText = (text) => hashBytes(new TextEncoder().encode(text));

  // OLPC canonical JSON: what the list's own hashes are taken over.
  function canonical(value) {
    if (typeof value === "string") return '"' + value.replace(/[\\"]/g, "\\$&") + '"';
    if (Array.isArray(value)) return "[" + value.map(canonical).join(",") + "]";
    if (value !== null && typeof value === "object")
      return "{" + Object.keys(value).sort().map((k) => canonical(k) + ":" + canonical(value[k])).join(",") + "}";
    return String(value);
  }

  async function checkList(list) {
    const { bundle, index, files, pages, ...signed } = list;
    if (await hashText(canonical(files)) !== list.lists[index - 1] || await hashText(canonical(signed)) !== bundle)
      throw new Error("the list of files is itself changed");
    if (bundle !== page.dataset.bundle) throw new Error("this is a volume of another bundle: " + bundle);
  }

  async function checkVolume(base, file, all, say) {
    const list = JSON.parse(await file.text());
    const wrong = [];
    await checkList(list);
    const total = list.files.reduce((sum, one) => sum + one.length, 0);
    let done = 0;
    const step = (bytes) => {
      done += bytes;
      bar.value = total > 0 ? done / total : 1;
      line.textContent = "volume " + list.index + ": " + (done >> 20) + " of " + (total >> 20) + " MiB";
    };
    for (const one of list.files) {
      const have = all.get(base + one.path);
      if (!have) wrong.push(one.path + " is missing");
      else if (have.size !== one.length) wrong.push(one.path + " has another length");
      else if (await hashFile(have, step) !== one.sha256) wrong.push(one.path + " is changed");
    }
    wrong.slice(0, SHOWN_MAX).forEach((text) => say("bad", "volume " + list.index + ": " + text));
    const sum = await hashText("causeway " + list.bundle + " " + list.index + (wrong.length ? " damaged" : " complete"));
    const code = sum.slice(0, 4).toUpperCase() + "-" + sum.slice(4, 8).toUpperCase();
    say(wrong.length ? "bad" : "good", "volume " + list.index + " of " + list.of + ": " +
        (wrong.length ? wrong.length + " files are damaged: write this medium again" : list.files.length + " files, complete and undamaged") +
        ". To phone in: " + code);
  }

  async function check(files) {
    const all = new Map(Array.from(files, (file) => [file.webkitRelativePath || file.name, file]));
    let volumes = 0;
    found.textContent = "";
    bar.hidden = false;
    const say = (kind, text) => {
      const item = document.createElement("p");
      item.className = kind;
      item.textContent = text;
      found.append(item);
    };
    for (const [path, file] of all) {
      const match = /^(.*\/|)volume-\d+\.json$/.exec(path);
      if (!match) continue;
      volumes++;
      try {
        await checkVolume(match[1], file, all, say);
      } catch (error) {
        say("bad", path + ": " + error.message);
      }
    }
    if (volumes === 0) say("bad", "there is no volume-1.json in that folder: is it the folder that this page lies in?");
    bar.hidden = true;
    line.textContent = "done";
  }

  page.hidden = false;
  document.getElementById("check-folder").addEventListener("change", (event) => check(event.target.files));
})();
