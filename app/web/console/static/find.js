// One search everywhere: "/" where nobody writes and Ctrl-K or Cmd-K lead to its field, and what it
// finds is shown below it while somebody types. Enter opens the whole page of it.
import { showTimes } from "./times.js";

const PATIENCE_MS = 150;

export function startFind() {
  const field = document.querySelector("[data-find]");
  if (!field) return;
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest("input, textarea, select, [contenteditable], dialog[open]");
    const called = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    const asked = event.key === "/" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!called && !asked) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  startFinding(field);
}

function startFinding(field) {
  const list = document.createElement("div");
  list.className = "finding";
  list.hidden = true;
  list.setAttribute("role", "region");
  list.setAttribute("aria-label", "Found");
  field.form.append(list);
  let asking, timer;
  const close = () => { clearTimeout(timer); asking?.abort(); list.hidden = true; };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    asking?.abort();
    if (!field.value.trim()) { close(); return; }
    timer = setTimeout(async () => {
      asking = new AbortController();
      const found = await ask(field.value, asking.signal);
      if (found) { list.replaceChildren(...found); list.hidden = false; }
    }, PATIENCE_MS);
  });
  field.form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); field.focus(); }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || list.hidden) return;
    event.preventDefault();
    const stops = [field, ...list.querySelectorAll("li > a:first-child, li button, td:first-child > a:first-child, .more a")];
    stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
  });
  field.form.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !field.form.contains(event.relatedTarget)) close();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!field.form.contains(event.target) || (link && link.pathname === location.pathname)) close();
  });
}

async function ask(text, signal) {
  const answer = await fetch(`/search?${new URLSearchParams({ q: text })}`, { headers: { accept: "text/html" }, signal }).catch(() => null);
  if (!answer?.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text().catch(() => ""), "text/html");
  const found = page.getElementById("found");
  if (!found) return null;
  // The page itself may have the same names.
  for (const named of found.querySelectorAll("[id]")) named.removeAttribute("id");
  for (const panel of found.querySelectorAll("[aria-labelledby]")) panel.removeAttribute("aria-labelledby");
  showTimes(found);
  return [...found.children].map((one) => document.adoptNode(one));
}
