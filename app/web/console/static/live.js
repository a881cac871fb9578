// Pages that keep up: after an event the page is fetched again, and what has changed is put in.
import { listenToAnswers } from "./answering.js";
import { merge } from "./cards.js";
import { endFollowing, redraw } from "./picture.js";
import { mergeRows } from "./rows.js";
import { showTimes } from "./times.js";

const QUIET_MS = 250;
const PACE_MS = 1000;
const EVERY_MS = 3000;
const GRACE_MS = 1000;
const LOST = "Connection lost. This page may be out of date; it catches up when the server answers again.";
const SIGNED_OUT = "You are signed out. Load the page again to sign in.";

export function startLive() {
  if (document.querySelector("[data-poll]")) poll();
  const place = document.querySelector("[data-live]");
  if (place && window.EventSource) listen(place);
}

function listen(place) {
  let source = null;
  let grace = null;
  const look = gently(async () => { if (isOver(await refresh())) source.close(); });
  const isBack = () => { clearTimeout(grace); grace = null; tell(""); look(); };
  // The stream of a run that has ended is over; else the connection is lost, or will be made again.
  const isAway = async () => {
    if (isOver(await refresh())) { source.close(); return; }
    if (source.readyState !== EventSource.OPEN) tell(LOST);
    if (source.readyState === EventSource.CLOSED) setTimeout(open, EVERY_MS);
  };
  const open = () => {
    source = new EventSource(place.dataset.live);
    for (const name of place.dataset.listen.split(" ")) source.addEventListener(name, look);
    listenToAnswers(source);
    source.addEventListener("open", isBack);
    source.addEventListener("error", () => { clearTimeout(grace); grace = setTimeout(isAway, GRACE_MS); });
  };
  window.addEventListener("offline", () => tell(LOST));
  window.addEventListener("online", () => { if (source.readyState === EventSource.OPEN) isBack(); });
  window.addEventListener("pagehide", () => { clearTimeout(grace); source.close(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  open();
}

// Many events in a row are one look at the page; there is one in a second, and never two at once.
function gently(work) {
  let timer = null;
  let isWanted = false;
  let last = -PACE_MS;
  const begin = async () => {
    isWanted = false;
    last = performance.now();
    await work().finally(() => { timer = null; if (isWanted) look(); });
  };
  const look = () => {
    isWanted = true;
    timer ??= setTimeout(begin, Math.max(QUIET_MS, last + PACE_MS - performance.now()));
  };
  return look;
}

// For what changes without an event.
function poll() {
  setTimeout(async () => {
    if (!document.hidden) tell((await refresh()) ? "" : LOST);
    poll();
  }, EVERY_MS);
}

function isOver(fresh) {
  return Boolean(fresh) && !fresh.querySelector("[data-live]");
}

function tell(text) {
  let banner = document.getElementById("lost");
  if (!banner && !text) return;
  if (!banner) {
    banner = document.createElement("p");
    banner.id = "lost";
    banner.setAttribute("role", "alert");
    document.body.append(banner);
  }
  banner.textContent = text;
  banner.hidden = !text;
}

// Puts in what has changed and returns the page as it is now; null where the server has none.
export async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (answer?.redirected) tell(SIGNED_OUT);
  if (!answer?.ok || answer.redirected) return null;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  showTimes(fresh);
  for (const region of document.querySelectorAll("[data-live-region]")) swap(region, fresh.getElementById(region.id));
  for (const list of document.querySelectorAll("[data-live-list]")) merge(list, fresh.getElementById(list.id));
  for (const place of document.querySelectorAll("[data-live-graph] [data-graph]")) {
    const drawn = fresh.querySelector("[data-live-graph] [data-pane] svg");
    if (drawn) redraw(place, drawn);
    if (!fresh.querySelector("[data-live-graph] [data-follow]")) endFollowing(place);
  }
  document.dispatchEvent(new Event("refreshed"));
  return fresh;
}

// What somebody is writing in a dialog stays; the server checks whether it still fits.
function swap(region, fresh) {
  if (region.querySelector("dialog[open]")) return;
  if (!fresh || ("rows" in region.dataset && mergeRows(region, fresh))) return;
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

function path(root, node) {
  const steps = [];
  for (let at = node; at !== root; at = at.parentElement) steps.unshift([...at.parentElement.children].indexOf(at));
  return steps;
}

function follow(root, steps) {
  return steps.reduce((at, index) => at?.children[index], root);
}
