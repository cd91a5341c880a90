/* Keeps a <details> open or closed when a frame replaces it, and copies the text behind a link. */

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-copy]");
  if (!link || !navigator.clipboard) return; // the link opens the text
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(await (await fetch(link.href)).text());
    link.textContent = "Copied";
  } catch {
    location.href = link.href;
  }
});

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  for (const { id, open } of target.querySelectorAll("details[id]")) {
    fragment.querySelector(`[id="${id}"]`)?.toggleAttribute("open", open);
  }
});
