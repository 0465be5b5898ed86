// What every page does by itself: the chosen theme before anything is painted, and new points at the end of charts.
const efRoot = document.documentElement;
function efTheme(choice) {
  if (choice === "light" || choice === "dark") { efRoot.dataset.theme = choice; localStorage.setItem("ef-theme", choice); }
  else { delete efRoot.dataset.theme; localStorage.removeItem("ef-theme"); }
  efQuasar();
}
function efQuasar() {
  if (window.Quasar && document.body && /body--/.test(document.body.className)) {
    Quasar.Dark.set(efRoot.dataset.theme ? efRoot.dataset.theme === "dark" : "auto");
    const chosen = document.getElementById("ef-theme");
    if (chosen) { chosen.value = efRoot.dataset.theme || ""; return; }
  }
  setTimeout(efQuasar, 30);
}
const efKept = localStorage.getItem("ef-theme");
if (efKept) efRoot.dataset.theme = efKept;
efRoot.lang = "en";
efQuasar();
// Rows for several charts at once: {element id: [[ms, value, ...], ...]}; what is older than `sinceMs` goes.
function efAppend(fresh, sinceMs) {
  for (const [id, rows] of Object.entries(fresh)) {
    const chart = getElement(Number(id))?.chart;
    const kept = chart?.getOption()?.dataset?.[0]?.source;
    if (kept) chart.setOption({ dataset: [{ source: kept.filter((row) => row[0] >= sinceMs).concat(rows) }] });
  }
}
