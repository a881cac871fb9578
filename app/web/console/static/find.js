// The keys that lead to the search: "/" where nobody writes, Ctrl-K or Cmd-K everywhere.
export function startFind() {
  const find = document.querySelector("[data-find]");
  if (!find) return;
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest("input, textarea, select, [contenteditable], dialog[open]");
    const called = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    const asked = event.key === "/" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!called && !asked) return;
    event.preventDefault();
    find.focus();
    find.select();
  });
}
