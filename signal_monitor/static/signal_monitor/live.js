/*
 * Updates a page over htmx's websocket extension: acknowledges frames, pauses, does not replace elements in use, and falls back
 * to polling. A page has one empty element [data-live] with ws-connect (not under WSGI) and hx-get, #sm-frame for the number
 * of the frame, [data-live-status] for the state, and [data-live-pause]. Elements with an id are replaced by those of a frame.
 *
 * An element with the focus (unless that is a link that was clicked) or with part of the selection is not replaced until a
 * later frame. While the page is paused or hidden, the server renders nothing for it.
 */

const POLL_MS = 2000;
const FAILURES_BEFORE_POLLING = 2;
// The server sends a frame at least every 5 s: without one, the socket is dead, even if nobody has closed it.
const SILENT_MS = 12_000;
// If no websocket ever opened, the proxy or server probably does not support them: the session's next pages poll at once.
const NO_SOCKETS = "signal-monitor-no-sockets";
const TRY_SOCKETS_AGAIN_MS = 5 * 60 * 1000;
const DENIED = 4403;
const GONE = 4404;
// The extension itself reconnects after 1006, 1011, 1012 and 1013.
const RECONNECT_CODES = [1000, 1001, 4408, 4503];
const RECONNECT_MS = 1000;
const TEXT = {
  connecting: "Connecting…",
  live: "Live",
  paused: "Paused",
  polling: "Polling",
  denied: "Not allowed",
  gone: "Not available",
};
const HELD_TEXT = {
  "": "Updates paused",
  selection: "Updates paused while you select text",
  focus: "Updates paused while an element has focus",
};
const MOVING = ["live", "held", "polling"];

let socket = null; // htmx's wrapper of the socket while it is open
let opened = false;
let openedEver = false;
let failures = 0;
let state = "connecting";
let paused = false;
let delivering = false;
let heldBack = ""; // why a part was not replaced: a key of HELD_TEXT
let pollTimer = 0;
let silence = 0;
let lostAt = "";

const root = () => document.querySelector("[data-live]");
const isIdle = () => paused || document.hidden;

function onLive(name, handle) {
  document.addEventListener(name, (event) => {
    if (event.target instanceof Element && event.target.matches("[data-live]")) handle(event);
  });
}

function now() {
  const timeZone = document.querySelector("[data-zone]")?.dataset.zone;
  return new Date().toLocaleTimeString("en-GB", { timeZone });
}

function show(next = state) {
  if (next === "reconnecting" && state !== next) lostAt = now();
  state = next;
  const shown = paused && MOVING.includes(state) ? "paused" : state;
  const text = { ...TEXT, held: HELD_TEXT[heldBack], reconnecting: `As of ${lostAt}` }[shown];
  document.body.classList.toggle("stale", shown === "reconnecting");
  for (const element of document.querySelectorAll("[data-live-status]")) {
    element.dataset.state = shown;
    if (element.textContent !== text) element.textContent = text;
  }
  for (const button of document.querySelectorAll("[data-live-pause]")) {
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Resume" : "Pause";
  }
}

function say(message) {
  if (socket) socket.sendImmediately(JSON.stringify(message));
}

function acknowledge(message, shown) {
  const frame = /data-frame="(\d+)"/.exec(message.slice(-120));
  if (frame) say(shown ? { ack: Number(frame[1]) } : { ack: Number(frame[1]), shown: false });
}

function useOf(element) {
  const active = document.activeElement;
  const clickedLink = active && active.matches("a") && !active.matches(":focus-visible");
  if (active && active !== document.body && !clickedLink && element.contains(active)) return "focus";
  const selection = document.getSelection();
  return selection && !selection.isCollapsed && selection.containsNode(element, true) ? "selection" : "";
}

function poll() {
  const element = root();
  if (element && !isIdle()) element.dispatchEvent(new CustomEvent("sm:poll"));
}

function startPolling() {
  const element = root();
  if (pollTimer || !element || !element.hasAttribute("hx-get")) return;
  pollTimer = window.setInterval(poll, POLL_MS);
  poll();
}

function stopPolling() {
  window.clearInterval(pollTimer);
  pollTimer = 0;
}

function remember(failedAt) {
  try {
    if (failedAt) sessionStorage.setItem(NO_SOCKETS, String(failedAt));
    else sessionStorage.removeItem(NO_SOCKETS);
  } catch {
    // Storage is disabled: each page tries a socket.
  }
}

function hasNoSockets() {
  try {
    const age = Date.now() - Number(sessionStorage.getItem(NO_SOCKETS));
    return age >= 0 && age < TRY_SOCKETS_AGAIN_MS;
  } catch {
    return false;
  }
}

function idleChanged() {
  say({ paused: isIdle() });
  if (socket) heard(socket);
  if (pollTimer) poll();
  show();
}

function heard(wrapper) {
  window.clearTimeout(silence);
  silence = window.setTimeout(() => {
    if (isIdle() || !socket) return;
    socket = null;
    show("reconnecting");
    wrapper.reconnect();
  }, SILENT_MS);
}

function reconnect(wrapper) {
  window.setTimeout(() => root() && wrapper.reconnect(), RECONNECT_MS * (1 + Math.random()));
}

function closed(code, wrapper) {
  if (code === DENIED) return show("denied");
  if (code === GONE) return show("gone");
  if (RECONNECT_CODES.includes(code)) reconnect(wrapper);
  failures = opened ? 0 : failures + 1;
  if (failures >= FAILURES_BEFORE_POLLING) {
    if (!openedEver) remember(Date.now());
    startPolling();
  }
  if (!pollTimer && state !== "denied") show("reconnecting");
}

// The extension connects in its own handler of this event, which runs after ours, unless the attribute is removed.
onLive("htmx:beforeProcessNode", (event) => {
  if (event.target.hasAttribute("hx-get") && hasNoSockets()) event.target.removeAttribute("ws-connect");
});

onLive("htmx:afterProcessNode", (event) => {
  if (!event.target.hasAttribute("ws-connect")) startPolling();
});

onLive("htmx:wsConnecting", () => {
  opened = false;
});

onLive("htmx:wsOpen", (event) => {
  socket = event.detail.socketWrapper;
  opened = openedEver = true;
  failures = 0;
  remember(0);
  stopPolling();
  heard(socket);
  show("live");
  if (isIdle()) say({ paused: true });
});

onLive("htmx:wsClose", (event) => {
  socket = null;
  closed(event.detail.event.code, event.detail.socketWrapper);
});

onLive("htmx:wsBeforeMessage", (event) => {
  heard(event.detail.socketWrapper);
  if (isIdle()) {
    event.preventDefault();
    acknowledge(event.detail.message, false);
    return;
  }
  delivering = true;
  heldBack = "";
});

onLive("htmx:wsAfterMessage", (event) => {
  delivering = false;
  acknowledge(event.detail.message, !heldBack);
  show(heldBack ? "held" : "live");
});

// Swaps that the reader asked for, by a filter or a tab, happen at once: only frames wait.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (!delivering || event.target.id === "sm-rows") return;
  const use = event.target.id === "sm-frame" ? heldBack : useOf(event.target);
  if (!use) return;
  event.preventDefault();
  heldBack = use;
});

onLive("htmx:beforeSwap", (event) => {
  if (isIdle()) event.preventDefault();
  delivering = !isIdle();
  heldBack = "";
});

onLive("htmx:afterOnLoad", (event) => {
  delivering = false;
  if (pollTimer && event.detail.successful) show(heldBack ? "held" : "polling");
});

// If polls fail as well, missing websocket support is not the cause.
onLive("htmx:responseError", (event) => {
  remember(0);
  const denied = [401, 403].includes(event.detail.xhr.status);
  if (denied) stopPolling();
  show(denied ? "denied" : "reconnecting");
});

onLive("htmx:sendError", () => {
  remember(0);
  show("reconnecting");
});

document.addEventListener("visibilitychange", idleChanged);

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-live-pause]")) {
    paused = !paused;
    idleChanged();
  }
});

show();
