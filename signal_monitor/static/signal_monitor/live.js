/* Updates a page by htmx's websockets or by polling. Elements of a frame replace those of the same id, unless in use. */

const POLL_MS = 2000;
const MOST_FAILURES = 2;
// The server sends a frame every 5 s.
const SILENT_MS = 12_000;
// If no websocket ever opened, the session's next pages poll at once.
const NO_SOCKETS = "signal-monitor-no-sockets";
const SOCKETS_REST_MS = 5 * 60 * 1000;
const ENDED = { 4403: "denied", 4404: "gone" };
// The extension itself reconnects after others.
const RECONNECT_CODES = [1000, 1001, 4408, 4503];
const RECONNECT_MS = 1000;
const TEXT = {
  connecting: "Connecting…",
  live: "Live",
  held: "Updates wait while in use",
  paused: "Paused",
  polling: "Polling",
  denied: "Not allowed",
  gone: "Not available",
};

const status = document.querySelector("[data-live-status]");
const button = document.querySelector("[data-live-pause]");
let socket; // htmx's wrapper of the socket while it is open
let opened, openedEver, delivering, heldBack, pollTimer, silence;
let paused = false;
let failures = 0;
let state = "connecting";
let heardAt = new Date();

const root = () => document.querySelector("[data-live]");
const isIdle = () => paused || document.hidden;

function onLive(name, handle) {
  document.addEventListener(name, (event) => {
    if (event.target.matches?.("[data-live]")) handle(event);
  });
}

function show(next = state) {
  state = next;
  const shown = paused && ["live", "held", "polling"].includes(state) ? "paused" : state;
  document.body.classList.toggle("stale", shown === "reconnecting");
  const text = TEXT[shown] ?? `As of ${heardAt.toLocaleTimeString("en-GB", { timeZone: status.dataset.zone })}`;
  status.dataset.state = shown;
  if (status.textContent !== text) status.textContent = text;
  button.ariaPressed = paused;
  button.textContent = paused ? "Resume" : "Pause";
}

const say = (message) => socket?.sendImmediately(JSON.stringify(message));

function acknowledge(message, shown) {
  const frame = /data-frame="(\d+)"/.exec(message.slice(-120));
  if (frame) say({ ack: +frame[1], shown });
}

function isInUse(element) {
  const selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(element, true)) return true;
  const active = document.activeElement;
  return element.contains(active) && !active.matches("a:not(:focus-visible)");
}

function poll() {
  if (!isIdle()) root()?.dispatchEvent(new CustomEvent("sm:poll"));
}

function startPolling() {
  if (pollTimer || !root()?.hasAttribute("hx-get")) return;
  pollTimer = setInterval(poll, POLL_MS);
  poll();
}

const stopPolling = () => (pollTimer = clearInterval(pollTimer));

// Without storage, each page tries a socket.
function failedAt(...time) {
  try {
    if (time.length) sessionStorage.setItem(NO_SOCKETS, time[0]);
    return sessionStorage.getItem(NO_SOCKETS);
  } catch {}
}

function idleChanged() {
  say({ paused: isIdle() });
  if (socket) watch(socket);
  if (pollTimer) poll();
  show();
}

// A frame has come: says whether it is shown.
function begin() {
  heldBack = false;
  return (delivering = !isIdle());
}

function watch(wrapper) {
  clearTimeout(silence);
  silence = setTimeout(() => {
    if (isIdle() || !socket) return;
    socket = null;
    show("reconnecting");
    wrapper.reconnect();
  }, SILENT_MS);
}

function closed(code, wrapper) {
  if (ENDED[code]) return show(ENDED[code]);
  if (RECONNECT_CODES.includes(code)) setTimeout(() => root() && wrapper.reconnect(), RECONNECT_MS * (1 + Math.random()));
  failures = opened ? 0 : failures + 1;
  opened = false;
  if (failures >= MOST_FAILURES) {
    if (!openedEver) failedAt(Date.now());
    startPolling();
  }
  if (!pollTimer && state !== "denied") show("reconnecting");
}

// The extension connects after this, if it finds the attribute.
onLive("htmx:beforeProcessNode", ({ target }) => {
  const sinceFailure = Math.abs(Date.now() - failedAt());
  if (target.hasAttribute("hx-get") && sinceFailure < SOCKETS_REST_MS) target.removeAttribute("ws-connect");
});

onLive("htmx:afterProcessNode", ({ target }) => target.hasAttribute("ws-connect") || startPolling());

onLive("htmx:wsOpen", ({ detail }) => {
  socket = detail.socketWrapper;
  opened = openedEver = true;
  failures = 0;
  failedAt(0);
  stopPolling();
  heardAt = new Date();
  watch(socket);
  show("live");
  if (isIdle()) say({ paused: true });
});

onLive("htmx:wsClose", ({ detail }) => {
  socket = null;
  closed(detail.event.code, detail.socketWrapper);
});

onLive("htmx:wsBeforeMessage", (event) => {
  heardAt = new Date();
  watch(event.detail.socketWrapper);
  if (begin()) return;
  event.preventDefault();
  acknowledge(event.detail.message, false);
});

onLive("htmx:wsAfterMessage", ({ detail }) => {
  delivering = false;
  acknowledge(detail.message, !heldBack);
  show(heldBack ? "held" : "live");
});

// Only frames wait, not what the reader asked for.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target } = event;
  if (!delivering || target.id === "sm-rows" || !(target.id === "sm-frame" ? heldBack : isInUse(target))) return;
  event.preventDefault();
  heldBack = true;
});

onLive("htmx:beforeSwap", (event) => begin() || event.preventDefault());

onLive("htmx:afterOnLoad", ({ detail }) => {
  delivering = false;
  if (!pollTimer || !detail.successful) return;
  heardAt = new Date();
  show(heldBack ? "held" : "polling");
});

// If polls fail as well, missing websocket support is not the cause.
function pollFailed({ detail }) {
  failedAt(0);
  const denied = [401, 403].includes(detail.xhr.status);
  if (denied) stopPolling();
  show(denied ? "denied" : "reconnecting");
}

onLive("htmx:responseError", pollFailed);
onLive("htmx:sendError", pollFailed);

document.addEventListener("visibilitychange", idleChanged);

button.addEventListener("click", () => {
  paused = !paused;
  idleChanged();
});

show();
