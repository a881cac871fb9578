// Cards that ask something: they stay where they are, and new ones never come under the pointer.
import { Refused, call } from "./api.js";
import { isAimed, offer } from "./news.js";
import { showTimes } from "./times.js";
import { forget } from "./unsent.js";

// An answered card keeps its place and its height; what was decided stands in it.
// Says whether the pause is over.
export async function settle(card, { note = "", isMine = false } = {}) {
  if (card.dataset.over) return true;
  const found = await endingOf(card.dataset.pause);
  if (!found || found.open || card.dataset.over) return Boolean(found && !found.open);
  const hadFocus = close(card);
  const ending = new DOMParser().parseFromString(found.shown, "text/html").body;
  showTimes(ending);
  const parts = [...ending.children].map((part) => document.adoptNode(part));
  if (note) parts.unshift(noteOf(note));
  const forms = [...card.querySelectorAll("form.answer")];
  card.querySelector(".hands")?.remove();
  const place = card.querySelector(".decide") ?? forms[0];
  if (place) place.before(...parts); else card.append(...parts);
  for (const form of forms) {
    const asks = form.closest(".asks");
    if (isMine || !isFilled(form)) (asks ?? form).remove();
    else keep(form, asks);
  }
  for (const part of card.querySelectorAll("[data-share], [data-refused]")) part.remove();
  if (hadFocus) refocus(card);
  return true;
}

// The question is open, for somebody else.
export function leave(card, text) {
  if (card.dataset.over) return;
  const hadFocus = close(card);
  card.querySelector(".decide").replaceChildren(noteOf(text));
  card.querySelector("[data-share]")?.remove();
  if (hadFocus) refocus(card);
}

// Nothing is decided here any more; says whether it had the focus.
function close(card) {
  card.dataset.over = "yes";
  card.style.minHeight = `${card.offsetHeight}px`;
  delete card.dataset.unsent;
  forget(card.dataset.pause);
  return card.contains(document.activeElement);
}

function refocus(card) {
  if (card.contains(document.activeElement)) return;
  card.tabIndex = -1;
  card.focus({ preventScroll: true });
}

async function endingOf(pauseId) {
  try { return await call("GET", `/pauses/${encodeURIComponent(pauseId)}`); } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    return refused.status === 404 ? { open: false, shown: '<p class="notice">The run is not there any more.</p>' } : null;
  }
}

function noteOf(text) {
  const note = document.createElement("p");
  note.className = "notice warn";
  note.setAttribute("role", "alert");
  note.textContent = text;
  return note;
}

function isFilled(form) {
  return [...form.elements].some((item) => item.matches("select") ? item.selectedIndex !== beganWith(item) : item.matches("textarea, input:not([type=hidden])") && item.value !== item.defaultValue);
}

function beganWith(select) {
  return Math.max(0, [...select.options].findIndex((option) => option.defaultSelected));
}

// What somebody has written stays, to be read and copied.
function keep(form, asks) {
  form.dataset.busy = "over";
  asks?.classList.replace("asks", "data");
  if (asks) asks.querySelector("summary").textContent = "What you have written";
  for (const item of form.querySelectorAll("button")) item.remove();
  for (const item of form.elements) if (item.matches("textarea, input:not([type=file])")) item.readOnly = true; else item.disabled = true;
}

// Keeps what is there by id. Cards that are gone are settled; new ones come where nothing moves.
export function merge(list, fresh) {
  if (!fresh) return;
  const wanted = [...fresh.children].filter((item) => "card" in item.dataset);
  const ids = new Set(wanted.map((item) => item.id));
  for (const item of list.querySelectorAll("[data-pause]:not([data-over])")) if (!ids.has(item.id)) settle(item);
  for (const item of wanted) renew(document.getElementById(item.id), item);
  const news = wanted.filter((item) => !document.getElementById(item.id));
  const isHeld = news.some((item) => placeOf(list, item, wanted)) || (news.length > 0 && isAimed(list));
  if (!isHeld) put(list, wanted, news);
  offer(list, isHeld ? news : [], () => put(list, wanted, news));
  const filler = fresh.querySelector("[data-filler]");
  if (filler && !list.querySelector("[data-filler]")) list.append(document.adoptNode(filler));
}

// Puts in whom an open question is for and who has claimed or answered it. What is written stays.
function renew(card, fresh) {
  const [before, now] = [card, fresh].map((one) => one?.querySelector("[data-standing]"));
  if (!before || !now || card.dataset.over || card.dataset.held || before.dataset.standing === now.dataset.standing) return;
  const hadFocus = card.contains(document.activeElement);
  const isWritten = [...card.querySelectorAll(".decide form")].some(isFilled);
  for (const part of ["[data-standing]", isWritten ? ".hands" : ".decide"]) {
    const [old, other] = [card, fresh].map((one) => one.querySelector(part));
    if (old && other) old.replaceWith(document.adoptNode(other));
  }
  for (const name of ["due", "late"]) if (name in fresh.dataset) card.dataset[name] = fresh.dataset[name];
  if (hadFocus) refocus(card);
}

// The card before which a new one belongs; null where that is the end of the list.
function placeOf(list, item, wanted) {
  const known = (one) => document.getElementById(one.id);
  const index = wanted.indexOf(item);
  const next = wanted.slice(index + 1).find(known);
  if (next) return known(next);
  const isLast = list.dataset.liveList !== "newest" || wanted.slice(0, index).some(known);
  return isLast ? null : list.querySelector("[data-card]");
}

function put(list, wanted, news) {
  for (const item of [...news].reverse()) list.insertBefore(document.adoptNode(item), placeOf(list, item, wanted));
  if (news.length) list.querySelector("[data-filler]")?.remove();
}
