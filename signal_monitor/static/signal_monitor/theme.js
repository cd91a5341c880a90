/* The theme chosen in the admin. */
try {
  document.documentElement.dataset.theme = localStorage.theme;
} catch {}
