"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const labels = data.labels, pictures = data.pictures, UNUSABLE = "-";
const store = "edgeferry-labels " + location.pathname;
let at = 0, said = {};
try { said = JSON.parse(localStorage.getItem(store)) || {}; } catch { said = {}; }
for (const label of Object.values(said)) if (label !== UNUSABLE && !labels.includes(label)) labels.push(label);
const $ = (id) => document.getElementById(id);
const address = (path) => path.split("/").map(encodeURIComponent).join("/");

function keep() {
  try { localStorage.setItem(store, JSON.stringify(said)); } catch { /* a browser that keeps nothing still exports */ }
}
function key(number) { return number < 10 ? String((number + 1) % 10) : number < 20 ? "⇧" + ((number + 1) % 10) : ""; }
function drawClasses() {
  $("classes").replaceChildren(...labels.map((label, number) => {
    const item = document.createElement("li"), button = document.createElement("button"), hint = document.createElement("kbd");
    hint.textContent = key(number);
    button.append(hint, label);
    button.className = said[pictures[at].path] === label ? "chosen" : "";
    button.onclick = () => say(label);
    item.append(button);
    return item;
  }));
}
function drawStrip() {
  $("strip").replaceChildren(...pictures.map((picture, number) => {
    const button = document.createElement("button"), image = document.createElement("img");
    image.src = address(picture.path); image.alt = ""; image.loading = "lazy";
    button.append(image);
    button.onclick = () => move(number);
    return button;
  }));
}
function mark(number) {
  const button = $("strip").children[number], picture = pictures[number];
  button.className = picture.path in said ? "labelled" : picture.unsure ? "unsure" : "";
  button.setAttribute("aria-current", String(number === at));
}
function draw() {
  const picture = pictures[at], label = said[picture.path];
  $("picture").src = address(picture.path);
  $("told").textContent = `${at + 1} of ${pictures.length} · ${picture.path} · ${picture.told}`;
  const guess = picture.guess ? `guess: ${picture.guess} ${Math.round(picture.score * 100)} %` : "no guess";
  $("now").textContent = label === undefined ? guess : label === UNUSABLE ? "of no use" : `label: ${label} (${guess})`;
  $("said").textContent = `${Object.keys(said).length} of ${pictures.length} labelled`;
  drawClasses();
}
function move(to) {
  const before = at;
  at = Math.max(0, Math.min(pictures.length - 1, to));
  mark(before); mark(at);
  $("strip").children[at].scrollIntoView({ block: "nearest", inline: "center" });
  draw();
}
function say(label) {
  said[pictures[at].path] = label;
  keep();
  mark(at);
  move(at + 1);
}
function takeBack() { delete said[pictures[at].path]; keep(); move(at); }
function next() {
  const later = pictures.findIndex((picture, number) => number > at && !(picture.path in said));
  move(later >= 0 ? later : Math.max(0, pictures.findIndex((picture) => !(picture.path in said))));
}
function field(text) { return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; }
function exported() {
  const rows = pictures.filter((picture) => picture.path in said).map((picture) => [picture.path, said[picture.path]]);
  return [["path", "label"], ...rows].map((row) => row.map(field).join(",")).join("\n") + "\n";
}
function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([exported()], { type: "text/csv" }));
  link.download = data.export;
  link.click();
  URL.revokeObjectURL(link.href);
}
function add() {
  const label = $("other").value.trim();
  if (!label || label === UNUSABLE || label.startsWith(".") || label.startsWith("_")) return;
  if (!labels.includes(label)) labels.push(label);
  $("other").value = "";
  $("other").blur();
  say(label);
}
const ACTIONS = {
  ArrowLeft: () => move(at - 1), ArrowRight: () => move(at + 1), Home: () => move(0), End: () => move(pictures.length - 1),
  Enter: () => pictures[at].guess && say(pictures[at].guess), Backspace: takeBack, x: () => say(UNUSABLE), n: next,
};
document.addEventListener("keydown", (event) => {
  if (event.target.id === "other") { if (event.key === "Enter") add(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  const number = digit ? ((Number(digit[1]) + 9) % 10) + (event.shiftKey ? 10 : 0) : -1;
  const action = digit ? labels[number] && (() => say(labels[number])) : ACTIONS[event.key];
  if (action) { event.preventDefault(); action(); }
});
$("export").onclick = download;
$("add").onclick = add;
drawStrip();
pictures.forEach((_, number) => mark(number));
move(0);
