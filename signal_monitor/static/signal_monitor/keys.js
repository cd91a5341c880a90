/* The keys that #sm-keys lists. ?keys=off switches them off, ?keys=on brings them back. */

const SWITCH = "signal-monitor-keys";
const WAIT_MS = 1500;
const ROWS = "main tbody tr a, main .errors summary, main .findings a, main .results a, #sm-rows a, main .running summary";

let goesUntil = 0;

function isOn() {
  try {
    const asked = new URLSearchParams(location.search).get("keys");
    if (asked) localStorage.setItem(SWITCH, asked);
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true;
  }
}

function move(step) {
  const rows = [...new Set(Array.from(document.querySelectorAll(ROWS), (element) => element.closest("tr, li")))];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const last = rows.length - 1;
  const to = at < 0 && step < 0 ? last : Math.min(last, Math.max(0, at + step));
  rows[to]?.querySelector("a, summary").focus();
}

const dialog = document.getElementById("sm-keys");
const go = (letter) => document.querySelector(`.tabs a[data-key="${CSS.escape(letter)}"]`)?.click();

const ACTIONS = {
  "/": () => document.getElementById("sm-search").focus(),
  "?": () => (dialog.open ? dialog.close() : dialog.showModal()),
  g: () => (goesUntil = Date.now() + WAIT_MS),
  j: () => move(1),
  k: () => move(-1),
  p: () => document.querySelector("[data-live-pause]").click(),
};

if (isOn()) {
  document.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const isSecond = Date.now() < goesUntil;
    goesUntil = 0;
    const act = isSecond ? () => go(event.key) : ACTIONS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
