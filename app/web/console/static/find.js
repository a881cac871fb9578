// One search everywhere: "/" where nobody writes and Ctrl-K or Cmd-K lead to its field, and what it
// finds is shown below it while somebody types. Enter opens the whole page of it.
import { showTimes } from "./times.js";

const PATIENCE_MS = 150;
const SLOW_MS = 400;

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
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  status.className = "unseen";
  field.form.append(list, status);
  let asking, timer;
  const close = () => { clearTimeout(timer); asking?.abort(); list.hidden = true; status.textContent = ""; };
  const tell = (text, shown = note(text)) => { list.replaceChildren(...shown); list.hidden = false; status.textContent = text; };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    asking?.abort();
    if (!field.value.trim()) { close(); return; }
    timer = setTimeout(async () => {
      asking = new AbortController();
      const { signal } = asking;
      const slow = setTimeout(() => tell("Searching…"), SLOW_MS);
      const found = await ask(field.value, signal).finally(() => clearTimeout(slow));
      if (signal.aborted) return;
      if (!found) { tell("The search has no answer. Try again."); return; }
      tell(`${[...found].flatMap((one) => [...one.querySelectorAll("li, tbody tr")]).length} found`, found);
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

function note(text) {
  const made = document.createElement("p");
  made.className = "quiet";
  made.textContent = text;
  return [made];
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
