/*
 * The list of Live: new rows are put before the others, of which 200 stay. While the pointer, the focus or the selection is in
 * the list, or its beginning is out of sight, they wait behind the button #sm-new. The list's data-after is the number of its
 * newest row, from which a socket or a poll goes on.
 */

const MOST = 200;
let waiting = [];
let owner = null;

const rows = () => document.getElementById("sm-rows");

function isHeld(list) {
  const selection = getSelection();
  return (
    list.parentElement.querySelector("#sm-rows:hover, #sm-new:hover") ||
    list.contains(document.activeElement) ||
    list.getBoundingClientRect().top < 0 ||
    (!selection.isCollapsed && selection.containsNode(list, true))
  );
}

function put(list) {
  const known = new Set(Array.from(list.children, (row) => row.id));
  list.prepend(...waiting.filter((row) => !known.has(row.id)));
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
  const { target, fragment } = event.detail;
  if (target.id !== "sm-rows") return;
  event.preventDefault();
  update();
  target.dataset.after = fragment.dataset?.after ?? target.dataset.after;
  waiting = [...fragment.children, ...waiting].slice(0, MOST);
  update();
});

for (const name of ["pointerover", "scroll", "selectionchange", "focusout"]) {
  document.addEventListener(name, () => waiting.length && setTimeout(update), { passive: true });
}

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element) || !target.closest("#sm-new")) return;
  put(rows());
  update();
  scrollTo(0, 0);
});

const further = (url) => (rows() ? `${url}&after=${rows().dataset.after}` : url);

htmx.createWebSocket = (url) => new WebSocket(further(url));

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches("[data-live]")) return;
  event.detail.path = further(event.detail.path);
  event.detail.parameters.have = document.getElementById("sm-frame").dataset.have ?? "";
});

// One entry of the history for each filter: what is typed on in a field replaces the one before.
let typedIn = null;
document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const field = detail.requestConfig.triggeringEvent?.target;
  if (field && field === typedIn) detail.history.type = "replace";
  typedIn = field;
});
document.addEventListener("focusout", () => (typedIn = null));
