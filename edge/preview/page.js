"use strict";
/* One stream carries each answer just before its picture, and both are drawn in one go: marks never run ahead of the
   frame they belong to. Figures come as server-sent events. Whatever the device says is set as text, never as markup. */
const $ = (id) => document.getElementById(id);
const STAGES = [["preprocess", "--one"], ["invoke", "--two"], ["postprocess", "--three"]];
const SHOWN_FRAMES = 120, MOST_ROWS = 8, MOST_EVENTS = 30, TROUBLE_MS = 2000;
const view = { source: null, chosen: false, paused: false, marks: true, picture: null, result: null, scene: null, frames: [], stop: null };

/* Elements and words */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) name === "colour" ? (made.style.background = value) : made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const hue = (index) => `hsl(${(index * 137.508 + 165) % 360} 85% 62%)`;
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const ms = (value) => value === null || value === undefined ? "–" : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
const total = (times) => STAGES.reduce((sum, [stage]) => sum + times[stage], 0);
const bytes = (count) => count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`;

/* The stream: multipart, each part with its length */
async function* parts(reader) {
  let held = new Uint8Array(0);
  const more = async () => {
    const { value, done } = await reader.read();
    if (done) return false;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held); joined.set(value, held.length); held = joined;
    return true;
  };
  const headEnd = () => { for (let i = 0; i + 3 < held.length; i++) if (held[i] === 13 && held[i + 1] === 10 && held[i + 2] === 13 && held[i + 3] === 10) return i; return -1; };
  for (;;) {
    let end;
    while ((end = headEnd()) < 0) if (!await more()) return;
    const head = new TextDecoder().decode(held.subarray(0, end));
    const from = end + 4, to = from + Number(/content-length: *(\d+)/i.exec(head)[1]);
    while (held.length < to + 2) if (!await more()) return;
    yield { isPicture: /image\/jpeg/i.test(head), body: held.slice(from, to) };
    held = held.slice(to + 2);
  }
}
async function watch() {
  for (;;) {
    const stop = view.stop = new AbortController();
    try {
      const query = view.source === null ? "" : `&source=${encodeURIComponent(view.source)}`;
      const answer = await fetch(`stream?answers=1${query}`, { signal: stop.signal });
      if (!answer.ok) throw new Error(await answer.text());
      let said = null;
      for await (const part of parts(answer.body.getReader())) {
        if (!part.isPicture) said = JSON.parse(new TextDecoder().decode(part.body));
        if (part.isPicture === said.picture) await show(said.result, part.isPicture ? await createImageBitmap(new Blob([part.body], { type: "image/jpeg" })) : null);
      }
    } catch (problem) { if (!stop.signal.aborted) trouble(problem instanceof TypeError ? "The device does not answer; trying again." : problem.message); }
    if (!stop.signal.aborted) await new Promise((again) => setTimeout(again, 1000));
  }
}
function choose(source) {
  if (source === view.source) return;
  Object.assign(view, { source, picture: null, result: null, frames: [] });
  $("waiting").hidden = false;
  $("source").value = source ?? "";
  draw(); chart();
  view.stop?.abort();
}

/* A frame */
async function show(result, picture) {
  if (result.latency_ms) { view.frames.push(result.latency_ms); view.frames.splice(0, view.frames.length - SHOWN_FRAMES); }
  for (const event of result.events ?? []) tell(event);
  if (view.paused) return picture?.close();
  if (result.error) trouble(picture ? `No answer to frame ${result.frame}: ${result.error.cause} (${result.error.where}). ${result.error.fix}` : `Frame ${result.frame} is damaged (${result.error.where}). ${result.error.fix}`);
  if (picture) { view.picture?.close(); view.picture = picture; view.result = result; $("waiting").hidden = true; }
  draw(); answers(result); chart();
  $("age").textContent = result.age_ms === undefined ? "–" : ms(result.age_ms);
  $("caption").textContent = `${result.source} · frame ${result.frame}${result.size_wh ? ` · ${result.size_wh.join(" × ")}` : ""}`;
}
let troubleEnds = 0;
function trouble(words) {
  $("trouble").textContent = words; $("trouble").hidden = false;
  clearTimeout(troubleEnds);
  troubleEnds = setTimeout(() => { $("trouble").hidden = true; }, TROUBLE_MS);
}
function draw() {
  const canvas = $("picture"), picture = view.picture;
  if (!picture) { canvas.width = 640; canvas.height = 360; canvas.setAttribute("aria-label", "No picture yet"); return; }
  const width = Math.round(Math.max(320, Math.min(canvas.parentElement.clientWidth * devicePixelRatio, 2560)));
  const height = Math.round(width * picture.height / picture.width);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0, width, height);
  if (view.marks) { places(pen, width, height); marks(pen, width, height); }
  canvas.setAttribute("aria-label", describe(view.result));
}
const unitOf = (width) => Math.max(width / 640, 0.95 * devicePixelRatio);
function marks(pen, width, height) {
  const result = view.result, [fullWidth, fullHeight] = result.size_wh ?? [width, height];
  const across = width / fullWidth, down = height / fullHeight, unit = unitOf(width);
  pen.lineWidth = 2 * unit; pen.font = `600 ${12 * unit}px system-ui, sans-serif`; pen.textBaseline = "middle";
  for (const found of result.detections ?? []) {
    const [left, top, right, bottom] = found.box_xyxy_px;
    const track = found.track === undefined || found.track === null ? "" : ` #${found.track}`;
    pen.strokeStyle = hue(track ? found.track : found.index);
    pen.strokeRect(left * across, top * down, (right - left) * across, (bottom - top) * down);
    tag(pen, `${found.label}${track} ${percent(found.score)}`, left * across - unit, top * down, unit, hue(track ? found.track : found.index));
  }
  for (const point of result.keypoints ?? []) {
    pen.globalAlpha = Math.max(0.25, Math.min(1, point.score)); pen.fillStyle = hue(point.index);
    pen.beginPath(); pen.arc(point.at_xy_px[0] * across, point.at_xy_px[1] * down, 4 * unit, 0, 7); pen.fill(); pen.globalAlpha = 1;
  }
}
function tag(pen, words, left, top, unit, colour) {
  const wide = pen.measureText(words).width + 10 * unit, high = 18 * unit;
  const x = Math.max(0, Math.min(left, pen.canvas.width - wide)), y = top - high < 0 ? top : top - high;
  pen.fillStyle = colour; pen.fillRect(x, y, wide, high);
  pen.fillStyle = "#08110f"; pen.fillText(words, x + 5 * unit, y + high / 2 + unit / 2);
}
function places(pen, width, height) {
  const unit = unitOf(width);
  pen.lineWidth = 1.6 * unit; pen.font = `500 ${11 * unit}px system-ui, sans-serif`; pen.textBaseline = "middle";
  for (const zone of view.scene?.zones ?? []) {
    pen.beginPath(); zone.polygon.forEach(([x, y]) => pen.lineTo(x * width, y * height)); pen.closePath();
    pen.fillStyle = "#ffffff1f"; pen.fill(); pen.strokeStyle = "#ffffffcc"; pen.setLineDash([]); pen.stroke();
    tag(pen, zone.name, zone.polygon[0][0] * width, zone.polygon[0][1] * height, unit, "#ffffffcc");
  }
  for (const line of view.scene?.lines ?? []) {
    pen.beginPath(); pen.moveTo(line.from[0] * width, line.from[1] * height); pen.lineTo(line.to[0] * width, line.to[1] * height);
    pen.strokeStyle = "#ffe08a"; pen.setLineDash([8 * unit, 5 * unit]); pen.stroke(); pen.setLineDash([]);
    tag(pen, line.name, line.from[0] * width, line.from[1] * height, unit, "#ffe08acc");
  }
}
const describe = (result) => `${result.source}: ${[...(result.classes ?? []), ...(result.detections ?? [])].map((one) => `${one.label} ${percent(one.score)}`).join(", ") || "nothing found"}`;

/* Its answer as rows */
function row(name, share, words, colour, isAlarm) {
  const bar = make("i"); bar.style.width = `${100 * Math.max(0, Math.min(1, share ?? 0))}%`; bar.style.background = colour ?? "";
  const label = make("span", { class: "name", title: name }, name);
  if (colour) label.prepend(make("i", { colour }));
  return make("div", { class: "row" }, label, share === null ? make("span") : make("div", { class: "meter" }, bar), make("span", { class: isAlarm ? "num alarm" : "num" }, words));
}
function answers(result) {
  if (result.error) return;
  const byScore = (found) => [...found].sort((a, b) => b.score - a.score).slice(0, MOST_ROWS);
  const rows = [
    ...byScore(result.classes ?? []).map((one) => row(one.label, one.score, percent(one.score))),
    ...byScore(result.detections ?? []).map((one) => row(one.track === undefined || one.track === null ? one.label : `${one.label} #${one.track}`, one.score, percent(one.score), hue(one.track ?? one.index))),
    ...[...(result.segments ?? [])].sort((a, b) => b.share - a.share).slice(0, MOST_ROWS).map((one) => row(one.label, one.share, percent(one.share), hue(one.index))),
    ...(result.keypoints ?? []).slice(0, 2 * MOST_ROWS).map((one) => row(one.label, one.score, percent(one.score), hue(one.index))),
    ...(result.values ?? []).map((one) => row(one.name, null, `${one.value === null ? "–" : Number(one.value.toPrecision(4))} ${one.unit}${one.alarm ? " · alarm" : ""}`, undefined, one.alarm)),
  ];
  $("answers").replaceChildren(...(rows.length ? rows : [make("span", { class: "dim" }, "Nothing found in this frame.")]));
}
function tell(event) {
  const direction = event.direction ? ` ${event.direction}` : "", seconds = event.seconds === undefined || event.seconds === null ? "" : `, ${event.seconds.toFixed(1)} s`;
  const words = `${event.at_s.toFixed(1)} s  ${event.label} #${event.track} ${event.kind.replace("-", " ")}${direction}${event.place ? ` ${event.place}` : ""}${seconds}`;
  $("events").prepend(make("li", {}, words));
  while ($("events").children.length > MOST_EVENTS) $("events").lastChild.remove();
  $("events-card").hidden = false;
}

/* The chart: every frame shown, its stages on top of each other */
let p95 = null;
function chart() {
  const canvas = $("chart"), width = canvas.clientWidth * devicePixelRatio, height = canvas.clientHeight * devicePixelRatio;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d"), most = 1.35 * Math.max(p95 ?? 0, 0.001, ...view.frames.map(total)), wide = width / SHOWN_FRAMES;
  pen.clearRect(0, 0, width, height);
  view.frames.forEach((times, number) => {
    let foot = height;
    for (const [stage, colour] of STAGES) {
      const high = times[stage] / most * height;
      pen.fillStyle = colourOf(colour); pen.fillRect(width - (view.frames.length - number) * wide, foot - high, Math.max(1, wide - devicePixelRatio), high);
      foot -= high;
    }
  });
  pen.font = `${11 * devicePixelRatio}px system-ui, sans-serif`; pen.fillStyle = pen.strokeStyle = colourOf("--dim"); pen.lineWidth = devicePixelRatio;
  if (p95 !== null) {
    const y = height - p95 / most * height;
    pen.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]); pen.beginPath(); pen.moveTo(0, y); pen.lineTo(width, y); pen.stroke(); pen.setLineDash([]);
    pen.fillText(`p95 ${ms(p95)} ms`, 2, Math.max(11 * devicePixelRatio, y - 4 * devicePixelRatio));
  }
}

/* Figures */
function figures(state) {
  const one = state.sources.find((source) => source.name === view.source);
  const model = (one ?? state.sources.reduce((a, b) => a && a.quiet_s < b.quiet_s ? a : b, null))?.model ?? "";
  const seen = state.windows.find((window) => window.model === model) ?? state.windows[state.windows.length - 1];
  sources(state.sources);
  view.scene = one ?? (state.sources.length === 1 ? state.sources[0] : null);
  $("model").textContent = model;
  $("note").textContent = state.note; $("note").hidden = !state.note;
  const rate = one ? one.frames_per_s : Math.max(0, ...state.sources.map((source) => source.frames_per_s));
  $("rate").textContent = rate.toFixed(1);
  $("left").textContent = `Sent to viewers since the start: ${state.left.pictures} pictures, ${bytes(state.left.bytes)}. Watching now: ${state.left.viewers}.`;
  if (seen) windowFigures(seen);
}
function windowFigures(seen) {
  const latency = seen.latency_ms;
  $("total").textContent = ms(latency.total?.p50); p95 = latency.total?.p95 ?? null;
  $("heat").textContent = seen.temperature_c === null ? "–" : seen.temperature_c.toFixed(0);
  $("memory").textContent = (seen.rss_bytes / 2 ** 20).toFixed(0);
  $("sure").textContent = seen.mean_confidence === null ? "–" : seen.mean_confidence.toFixed(2);
  $("stages").replaceChildren(...Object.entries(latency).map(([stage, of]) => make("tr", {}, make("th", { scope: "row" }, stage), ...[of.p50, of.p95, of.p99].map((value) => make("td", {}, ms(value))))));
  $("stages-note").textContent = Object.keys(latency).length ? `Of the last window, ${seen.window_s.toFixed(1)} s.` : "No frame was answered in the last window.";
  ledger(seen.ledger);
}
function ledger(of) {
  const fates = [["inferred", of.inferred, "--two"], ["gated", of.gated ?? 0, "--quiet"], ...Object.entries(of.dropped).map(([cause, count]) => [`dropped (${cause})`, count, "--warn"]), ["damaged", of.damaged, "--bad"]];
  const parts = fates.filter(([name, count]) => count || name === "inferred");
  $("ledger-bar").replaceChildren(...parts.filter(([, count]) => count).map(([, count, colour]) => { const part = make("i", { colour: `var(${colour})` }); part.style.flex = `${count} 1 0`; return part; }));
  $("ledger-key").replaceChildren(...parts.map(([name, , colour]) => make("span", {}, make("i", { colour: `var(${colour})` }), name)));
  const words = `${of.captured} captured = ${parts.map(([name, count]) => `${count} ${name}`).join(" + ")}`;
  $("ledger").textContent = words; $("ledger-bar").setAttribute("aria-label", words);
}
function sources(all) {
  const cameras = all.filter((source) => source.frames > 1);
  $("pick").hidden = all.length < 2;
  const names = ["", ...cameras.map((source) => source.name)], options = $("source");
  if ([...options.options].map((option) => option.value).join("\n") !== names.join("\n"))
    options.replaceChildren(...names.map((name) => make("option", { value: name }, name || "Whichever comes")));
  options.value = view.source ?? "";
  if (!view.chosen && cameras.length > 1) { view.chosen = true; choose(cameras[0].name); }
  $("sources").replaceChildren(...all.slice(0, 12).map((source) => {
    const [words, tone] = source.error ? [source.error.cause, "bad"] : source.quiet_s > 3 ? [`quiet for ${source.quiet_s.toFixed(0)} s`, ""] : ["seeing", "good"];
    const errors = source.errors ? `, ${source.errors} without an answer` : "";
    return make("div", { class: "src" }, make("span", { class: "name" }, source.name), make("span", { class: "dim num" }, `${source.frames} frames${errors}`), make("span", { class: `chip ${tone}` }, words));
  }));
}
function listen() {
  const events = new EventSource("events"), link = $("link");
  const say = (words, tone) => { link.textContent = words; link.className = `chip ${tone}`; };
  events.addEventListener("past", (event) => { const past = JSON.parse(event.data); if (past.length) windowFigures(past[past.length - 1]); });
  events.addEventListener("state", (event) => { say("live", "good"); figures(JSON.parse(event.data)); });
  events.onerror = () => { say("device away", "bad"); if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000); };
}

/* Hands */
function toggle(name, button) {
  view[name] = !view[name]; $(button).setAttribute("aria-pressed", view[name]);
  $("paused").hidden = !view.paused; draw();
}
const full = () => document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen?.();
$("pause").onclick = () => toggle("paused", "pause");
$("marks").onclick = () => toggle("marks", "marks");
$("full").onclick = full;
$("source").onchange = (event) => { view.chosen = true; choose(event.target.value || null); };
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const key = event.key.toLowerCase();
  if (key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); toggle("paused", "pause"); }
  else if (key === "m") toggle("marks", "marks");
  else if (key === "f") full();
  else if (/^[0-9]$/.test(key) && $("source").options[Number(key)]) { view.chosen = true; choose($("source").options[Number(key)].value || null); }
});
addEventListener("resize", () => { draw(); chart(); });
$("chart-key").append(...STAGES.map(([stage, colour]) => make("span", {}, make("i", { colour: `var(${colour})` }), stage)));
draw(); chart(); listen(); watch();
