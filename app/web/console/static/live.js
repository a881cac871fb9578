// Pages that keep up: after an event the page is fetched again, and what has changed is put in.
import { startPictures } from "./picture.js";
import { showTimes } from "./times.js";

const QUIET_MS = 250;

const EVERY_MS = 3000;

export function startLive() {
  if (document.querySelector("[data-poll]")) poll();
  const place = document.querySelector("[data-live]");
  if (!place || !window.EventSource) return;
  const source = new EventSource(place.dataset.live);
  let timer = null;
  let busy = false;
  const look = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (busy) { look(); return; }
      busy = true;
      await refresh().finally(() => { busy = false; });
    }, QUIET_MS);
  };
  for (const name of place.dataset.listen.split(" ")) source.addEventListener(name, look);
  source.addEventListener("open", look);
  window.addEventListener("pagehide", () => source.close());
}

// For what changes without an event.
function poll() {
  setTimeout(async () => {
    if (!document.hidden) await refresh();
    poll();
  }, EVERY_MS);
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  showTimes(fresh);
  for (const region of document.querySelectorAll("[data-live-region]")) swap(region, fresh.getElementById(region.id));
  for (const list of document.querySelectorAll("[data-live-list]")) merge(list, fresh.getElementById(list.id));
  for (const place of document.querySelectorAll("[data-live-graph]")) redraw(place, fresh.getElementById(place.id));
  document.dispatchEvent(new Event("refreshed"));
}

function swap(region, fresh) {
  if (!fresh) return;
  const open = new Set([...region.querySelectorAll("details[open][id]")].map((item) => item.id));
  for (const item of fresh.querySelectorAll("details[id]")) if (open.has(item.id)) item.open = true;
  for (const item of region.querySelectorAll("details[id]:not([open])")) {
    const twin = fresh.querySelector(`#${CSS.escape(item.id)}`);
    if (twin) twin.open = false;
  }
  if (region.innerHTML === fresh.innerHTML && region.hidden === fresh.hidden) return;
  const focused = region.contains(document.activeElement) ? path(region, document.activeElement) : null;
  region.hidden = fresh.hidden;
  region.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
  if (focused) follow(region, focused)?.focus({ preventScroll: true });
}

// Keeps what is there by id, so that nobody loses what they are writing.
function merge(list, fresh) {
  if (!fresh) return;
  const wanted = [...fresh.children];
  const ids = new Set(wanted.map((item) => item.id));
  for (const item of [...list.children]) if (!ids.has(item.id)) item.remove();
  wanted.forEach((item, index) => {
    const known = document.getElementById(item.id);
    const node = known ?? document.adoptNode(item);
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
}

function redraw(place, fresh) {
  const old = place.querySelector("svg");
  const drawn = fresh?.querySelector("svg");
  if (!old || !drawn) return;
  drawn.setAttribute("width", old.getAttribute("width"));
  drawn.setAttribute("height", old.getAttribute("height"));
  drawn.dataset.scaled = "yes";
  if (old.outerHTML !== drawn.outerHTML) old.replaceWith(document.adoptNode(drawn));
  startPictures(place);
}

function path(root, node) {
  const steps = [];
  for (let at = node; at !== root; at = at.parentElement) steps.unshift([...at.parentElement.children].indexOf(at));
  return steps;
}

function follow(root, steps) {
  return steps.reduce((at, index) => at?.children[index], root);
}
