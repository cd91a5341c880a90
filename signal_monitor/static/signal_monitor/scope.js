/* Keeps the chosen period and processes for this tab. */

const KEY = "signal-monitor-scope";
const base = document.querySelector(".brand")?.pathname;
const chosenIn = ({ search }) => (search.match(/\b(period|process)=[^&]+/g) ?? []).join("&");
const withKept = ({ search }) => (search ? `${search}&${kept}` : `?${kept}`);
let kept = "";

try {
  kept = sessionStorage.getItem(KEY) ?? "";
  if (document.querySelector("[data-scope]")) {
    const chosen = chosenIn(location);
    if (chosen) sessionStorage.setItem(KEY, (kept = chosen));
    else if (kept) location.replace(withKept(location));
  }
} catch {
  // Without storage, the address alone keeps it.
}

function keep({ target }) {
  const link = target instanceof Element && target.closest("a[href]");
  if (!kept || !link?.href.startsWith(location.origin + base) || chosenIn(link)) return;
  if (!/^(live|api)\//.test(link.pathname.slice(base.length))) link.search = withKept(link);
}

document.addEventListener("click", keep, true);
