"use strict";
// Brings the pages to life. Without it everything can be read; with it, frames open, filters work,
// and checks and frames light each other.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// -- frames: inflated when the first of a scenario is asked for

const inflated = new Map();

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

async function framesOf(id) {
  if (!inflated.has(id)) {
    const packed = bytesOf(document.getElementById(id).textContent);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const frames = await new Response(stream).json();
    inflated.set(id, new Map(frames.map((frame) => [frame.n, frame])));
  }
  return inflated.get(id);
}

// -- the panel with the bytes of a frame

const panel = $("#bytes");
let opener = null;

async function open(picture, numbers, from, first = numbers[0]) {
  const frames = await framesOf(picture.dataset.frames);
  const copies = numbers.map((number) => frames.get(number)).filter(Boolean);
  if (!copies.length) return;
  opener = from;
  for (const row of $$(".r.open")) row.classList.remove("open");
  const rows = rowsOf(picture, [`f${copies[0].n}`]);
  for (const row of rows) row.classList.add("open");
  show(copies, Math.max(0, copies.findIndex((copy) => copy.n === first)));
  if (rows.length) uncover(rows[0]);
}

function uncover(row) { // the panel must not lie on the very row that it is about
  const below = row.getBoundingClientRect().bottom + 8 - panel.getBoundingClientRect().top;
  if (below > 0) scrollBy(0, below);
}

function show(copies, chosen) {
  const frame = copies[chosen];
  const close = make("button", { type: "button", class: "close" }, "Close (Esc)");
  close.addEventListener("click", shut);
  const tabs = copies.map((copy, at) => {
    const way = copy.d === "out" ? "sent by" : "received at";
    const tab = make("button", { type: "button", "aria-pressed": String(at === chosen) }, `${copy.n} ${way} ${copy.w}`);
    tab.addEventListener("click", () => { show(copies, at); $$("[aria-pressed]", panel)[at].focus(); });
    return tab;
  });
  const title = make("h2", {}, `Frame ${frame.n}`);
  const told = make("span", { class: "grow" }, `${frame.t} s · ${frame.z} bytes · ${frame.s}`);
  const data = bytesOf(frame.b);
  const parts = make("div", { class: "parts" }, ...frame.l.map((layer, at) => part(layer, at)));
  const hex = make("div", { class: "hex", tabindex: "0", role: "group", "aria-label": `All ${data.length} bytes in hexadecimal` }, ...dump(frame, data));
  panel.replaceChildren(
    make("div", { class: "bar" }, title, told, ...tabs, close),
    make("div", { class: "cols" }, parts, hex),
  );
  panel.hidden = false;
  document.body.style.paddingBottom = `${panel.offsetHeight + 20}px`;
}

function part([kind, name, osi, start, end, fields], at) {
  const head = make("h3", {}, `${name}${osi ? ` · layer ${osi}` : ""} · ${end - start} bytes`);
  const list = make("dl", {}, ...fields.flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]));
  const box = make("section", { class: `part h-${kind}`, "data-l": at }, head, list);
  for (const event of ["mouseenter", "mouseleave"]) {
    box.addEventListener(event, () => {
      for (const byte of $$(`b[data-l="${at}"]`, panel)) byte.classList.toggle("lit", event === "mouseenter");
    });
  }
  return box;
}

function dump(frame, data) {
  const layerAt = (place) => frame.l.findIndex(([, , , start, end]) => start <= place && place < end);
  const lines = [];
  for (let start = 0; start < data.length; start += 16) {
    const row = [...data.slice(start, start + 16)];
    const hex = [], text = [];
    for (let at = 0; at < row.length; ) {
      const layer = layerAt(start + at);
      let end = at;
      while (end < row.length && layerAt(start + end) === layer) end++;
      const kind = layer < 0 ? "padding" : frame.l[layer][0];
      const run = row.slice(at, end);
      const attributes = { class: `h-${kind}`, "data-l": layer };
      const gap = end < row.length ? (end === 8 ? "  " : " ") : "";
      hex.push(make("b", attributes, run.map((byte, i) => byte.toString(16).padStart(2, "0") + (at + i === 7 && i < run.length - 1 ? " " : "")).join(" ") + gap));
      text.push(make("b", attributes, run.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("")));
      at = end;
    }
    const width = row.length * 3 - 1 + (row.length > 8 ? 1 : 0);
    lines.push(make("span", { class: "at" }, `${start.toString(16).padStart(4, "0")}  `), ...hex, " ".repeat(Math.max(0, 48 - width) + 2), ...text, "\n");
  }
  if (data.length < frame.z) lines.push(make("span", { class: "at" }, `… ${frame.z - data.length} more bytes on the wire`));
  return lines;
}

function shut() {
  panel.hidden = true;
  document.body.style.paddingBottom = "";
  for (const row of $$(".r.open")) row.classList.remove("open");
  if (opener) opener.focus();
}

// -- checks and rows light each other

const keysOf = (element) => (element.dataset.c || element.dataset.k || "").split(" ").filter(Boolean);

const numbersOf = (row) => keysOf(row).map((key) => Number(key.slice(1)));

function rowsOf(picture, keys) {
  const wanted = new Set(keys);
  return $$(".r[data-c]", picture).filter((row) => keysOf(row).some((key) => wanted.has(key)));
}

function light(elements, on) {
  for (const element of elements) element.classList.toggle("lit", on);
}

function connect(article) {
  const picture = $(".picture", article);
  if (!picture) return;
  for (const check of $$(".check", article)) {
    for (const [event, on] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]]) {
      check.addEventListener(event, () => light(rowsOf(picture, keysOf(check)), on));
    }
    check.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-open]");
      if (!button) {
        lead(picture, check);
        return;
      }
      const key = button.dataset.open;
      const row = rowsOf(picture, [key]).find((found) => !found.classList.contains("off"));
      if (row) reveal(picture, row);
      const number = Number(key.slice(1));
      if (key[0] === "f") open(picture, row && row.matches(".a") ? numbersOf(row) : [number], button, number);
    });
    check.addEventListener("keydown", (event) => {
      if (event.target === check && event.key === "Enter") lead(picture, check);
    });
  }
  for (const row of $$(".r[data-c]", picture)) {
    const citing = () => $$(".check", article).filter((check) => keysOf(check).some((key) => keysOf(row).includes(key)));
    for (const [event, on] of [["mouseenter", true], ["mouseleave", false], ["focus", true], ["blur", false]]) {
      row.addEventListener(event, () => light([...citing(), row], on));
    }
  }
  picture.addEventListener("click", (event) => {
    const row = event.target.closest(".r.a");
    if (row) choose(picture, row);
  });
  picture.addEventListener("keydown", (event) => travel(picture, event));
  $(".filters", article).addEventListener("change", () => filter(article));
  $(".filters", article).addEventListener("submit", (event) => event.preventDefault());
}

function lead(picture, check) { // to the first row that a check stands on
  const row = rowsOf(picture, keysOf(check)).find((found) => !found.classList.contains("off"));
  if (row) reveal(picture, row);
}

function reveal(picture, row) {
  const box = row.getBoundingClientRect(), frame = picture.getBoundingClientRect();
  picture.scrollTop += box.top - frame.top - 90;
  if (frame.top < 0 || frame.top > innerHeight / 2) picture.scrollIntoView({ block: "start" });
}

function choose(picture, row) {
  for (const other of $$('.r.a[tabindex="0"]', picture)) other.setAttribute("tabindex", "-1");
  row.setAttribute("tabindex", "0");
  open(picture, numbersOf(row), row);
}

function travel(picture, event) {
  const row = event.target.closest && event.target.closest(".r.a");
  if (!row) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    choose(picture, row);
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const rows = $$(".r.a:not(.off)", picture);
  const next = rows[rows.indexOf(row) + step];
  if (!next) return;
  row.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus({ preventScroll: true });
  reveal(picture, next);
  if (!panel.hidden) choose(picture, next);
}

// -- filters: rows that are left out leave no gap

function wanted(row, form) {
  const off = (name) => $$(`input[data-${name}]`, form).filter((box) => !box.checked).map((box) => box.dataset[name]);
  if (row.classList.contains("step")) return true;
  const nodes = (row.dataset.n || "").split(" ").filter(Boolean);
  const hidden = off("node");
  const left = nodes.filter((node) => !hidden.includes(node)).length;
  if (left < Math.min(2, nodes.length)) return false; // an arrow needs two ends
  if (row.classList.contains("a") && off("protocol").some((name) => row.classList.contains(`p-${name}`))) return false;
  if (off("notes").some((name) => row.classList.contains(name))) return false;
  if ($("input[data-cited]", form).checked) return Boolean($(".pin", row));
  return true;
}

function filter(article) {
  const form = $(".filters", article), svg = $(".picture > svg", article);
  const rows = $$(".r", svg);
  const tops = rows.map((row) => Number(row.dataset.y || row.getAttribute("transform").match(/ ([\d.]+)\)/)[1]));
  const whole = Number(svg.dataset.h || svg.getAttribute("height"));
  svg.dataset.h = whole;
  const heights = tops.map((top, at) => (at + 1 < tops.length ? tops[at + 1] : whole - 24) - top);
  const shown = [], now = [];
  let y = tops[0] || 0;
  rows.forEach((row, at) => {
    row.dataset.y = tops[at];
    shown.push(wanted(row, form));
    now.push(y);
    row.classList.toggle("off", !shown[at]);
    row.setAttribute("transform", `translate(0 ${y})`);
    if (shown[at]) y += heights[at];
  });
  now.push(y);
  join(svg, now, shown);
  svg.setAttribute("height", y + 24);
  svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${y + 24}`);
  for (const line of $$(".life", svg)) line.setAttribute("y2", y + 14);
}

function join(svg, now, shown) {
  for (const band of $$(".band", svg)) {
    const top = now[band.dataset.a] + 8, end = now[band.dataset.b] + 8;
    band.setAttribute("y", top);
    band.setAttribute("height", Math.max(2, end - top));
  }
  for (const line of $$(".through", svg)) {
    line.classList.toggle("off", !(shown[line.dataset.a] && shown[line.dataset.b]));
    line.setAttribute("y1", now[line.dataset.a] + 29);
    line.setAttribute("y2", now[line.dataset.b] + 22);
  }
}

// -- which page is shown is the address's business; the focus follows it

function arrive() {
  if (!panel.hidden) shut();
  const id = decodeURIComponent(location.hash.slice(1)) || "front";
  const target = document.getElementById(id);
  const page = target && target.closest("article, #front");
  const front = $("#front h1").textContent.trim();
  document.title = page && page.id !== "front" ? `${page.id} – ${front}` : front;
  if (!page) return;
  if (target === page) {
    page.focus({ preventScroll: true });
    scrollTo(0, 0);
  } else { // a part of a page: whoever tabs on goes on from there
    if (!target.hasAttribute("tabindex")) target.setAttribute("tabindex", "-1");
    target.focus();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !panel.hidden) shut();
});
$$("article").forEach(connect);
addEventListener("hashchange", arrive);
if (location.hash) arrive();
