/* The list of Live: new rows come first, but wait behind #sm-new while somebody reads. Frames go on from data-after. */

const MOST = 200;
let waiting = [];
let owner, typedIn;

const rows = () => document.getElementById("sm-rows");

function isHeld(list) {
  const selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(list, true)) return true;
  return document.querySelector("#sm-rows:is(:hover, :focus-within), #sm-new:hover") || list.getBoundingClientRect().top < 0;
}

function put(list) {
  list.prepend(...waiting.filter((row) => !document.getElementById(row.id)));
  waiting = [];
  while (list.childElementCount > MOST) list.lastElementChild.remove();
}

function update() {
  const list = rows();
  if (list !== owner) waiting = []; // of another filter
  owner = list;
  if (!list) return;
  if (waiting.length && !isHeld(list)) put(list);
  const button = document.getElementById("sm-new");
  button.hidden = !waiting.length;
  button.textContent = `${waiting.length} new`;
}

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { fragment, target } = event.detail;
  if (target.id !== "sm-rows") return;
  event.preventDefault();
  update();
  if (+fragment.dataset.after < +target.dataset.after) target.replaceChildren(); // emptied
  target.dataset.after = fragment.dataset.after;
  const known = new Set(waiting.map((row) => row.id));
  waiting = [...[...fragment.children].filter((row) => !known.has(row.id)), ...waiting].slice(0, MOST);
  update();
});

for (const name of ["pointerover", "scroll", "selectionchange", "focusout"]) {
  document.addEventListener(name, () => waiting.length && setTimeout(update));
}

document.addEventListener("click", ({ target }) => {
  if (!target.closest("#sm-new")) return;
  put(rows());
  update();
  scrollTo(0, 0);
});

const further = (url) => (rows() ? `${url}&after=${rows().dataset.after}` : url);

htmx.createWebSocket = (url) => new WebSocket(further(url));

document.addEventListener("htmx:configRequest", ({ target, detail }) => {
  if (!target.matches("[data-live]")) return;
  detail.path = further(detail.path);
  detail.parameters.have = document.getElementById("sm-frame").dataset.have ?? "";
});

// Typing on in a field makes no further entry of the history.
document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const field = detail.requestConfig.triggeringEvent?.target;
  if (field && field === typedIn) detail.history.type = "replace";
  typedIn = field;
});
