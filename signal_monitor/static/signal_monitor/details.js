/*
 * Keeps what a reader has opened open: a <details> with an id stays as it was when a live frame replaces its part of the page.
 */

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  for (const { id } of target.querySelectorAll("details[open][id]")) {
    fragment.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  }
});
