// The inbox in two panes: a list of what waits beside the cards, keys, and several decisions at once.
// What a key decides, or a decision for several, is sent after some seconds: until then it can be undone.
import { showTimes } from "./times.js";
import { forget, note, takeLost } from "./unsent.js";

const UNDO_MS = 5000;
const YES = ["approved", "approve", "yes", "ok", "accepted"];
const NO = ["rejected", "reject", "no", "refused", "declined"];
const WIDE = window.matchMedia("(min-width: 62rem)");

const held = [];
let current = null;

export function startInbox() {
  const list = document.getElementById("waiting-list");
  const index = document.getElementById("inbox-index");
  if (!list || !index) return;
  const draw = () => drawIndex(list, index);
  new MutationObserver(draw).observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-over", "data-unsent"] });
  draw();
  sayLost(list);
  const named = new URLSearchParams(location.search).get("pause");
  const wanted = named && cards(list).find((card) => card.dataset.pause === named);
  if (wanted) choose(wanted, true);
  index.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-of]");
    if (!link) return;
    event.preventDefault();
    choose(document.getElementById(link.dataset.of), true);
  });
  index.addEventListener("change", (event) => { if (event.target.matches("[data-tick]")) drawSeveral(list); });
  list.addEventListener("focusin", (event) => { const card = event.target.closest("[data-card]"); if (card) choose(card, false); });
  document.getElementById("several").addEventListener("click", (event) => decideSeveral(list, event));
  document.getElementById("undo").addEventListener("click", undo);
  document.getElementById("show-unsent").addEventListener("click", () => choose(open(list).find((card) => card.dataset.unsent), true));
  document.addEventListener("keydown", (event) => onKey(list, event));
  // Leaving the page is no undo. A phone that puts a page aside may end it without a further word.
  const sendAll = () => { for (const one of held.splice(0)) one.send(); };
  window.addEventListener("pagehide", sendAll);
  document.addEventListener("visibilitychange", () => { if (document.hidden) sendAll(); });
}

function cards(list) { return [...list.querySelectorAll("[data-card]")]; }

function open(list) { return cards(list).filter((card) => !card.dataset.over && !card.dataset.held); }

function drawIndex(list, index) {
  const ticked = new Set([...index.querySelectorAll("[data-tick]:checked")].map((box) => box.value));
  const rows = cards(list).map((card) => {
    const row = document.createElement("li");
    const over = card.dataset.over || card.dataset.held;
    if (over) row.dataset.over = "yes";
    if (card === current) row.setAttribute("aria-current", "true");
    if (actionsOf(card).length && !over) {
      const tick = document.createElement("input");
      tick.type = "checkbox";
      tick.value = card.id;
      tick.dataset.tick = "";
      tick.checked = ticked.has(card.id);
      tick.setAttribute("aria-label", `Choose ${card.querySelector("h2").textContent}: ${card.dataset.about}`);
      row.append(tick);
    }
    const link = document.createElement("a");
    link.href = `#${card.id}`;
    link.dataset.of = card.id;
    const title = document.createElement("strong");
    title.textContent = (card.querySelector(".message") ?? card.querySelector("h2")).textContent.trim();
    const about = document.createElement("span");
    about.className = "quiet";
    about.textContent = card.dataset.about;
    link.append(title, about);
    if (card.dataset.unsent && !over) link.append(mark("not sent"));
    else if (card.dataset.due && !over) link.append(due(card));
    row.append(link);
    return row;
  });
  const list_ = index.querySelector("ol");
  const fresh = document.createElement("ol");
  fresh.append(...rows);
  showTimes(fresh);
  if (fresh.innerHTML !== list_.innerHTML) list_.replaceChildren(...fresh.childNodes);
  index.hidden = rows.length < 2;
  drawSeveral(list);
  drawUnsent(list);
}

function mark(text) {
  const made = document.createElement("span");
  made.className = "mark late";
  made.textContent = text;
  return made;
}

function due(card) {
  const time = document.createElement("time");
  time.dateTime = card.dataset.due;
  time.title = "Due";
  if ("late" in card.dataset) time.className = "late";
  return time;
}

function choose(card, move) {
  if (!card) return;
  if (current && current !== card) current.removeAttribute("data-current");
  current = card;
  card.dataset.current = "";
  for (const row of document.querySelectorAll("#inbox-index li")) {
    const is = row.querySelector("a").dataset.of === card.id;
    if (is) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
    if (is && move && WIDE.matches) row.scrollIntoView({ block: "nearest" });
  }
  if (!move) return;
  card.tabIndex = -1;
  card.scrollIntoView({ block: "start" });
  card.focus({ preventScroll: true });
}

function onKey(list, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  if (event.key === "u") { undo(); return; }
  const all = open(list);
  const at = all.indexOf(current);
  if (event.key === "j") choose(all[Math.min(at + 1, all.length - 1)] ?? all[0], true);
  else if (event.key === "k") choose(all[Math.max(at - 1, 0)], true);
  else if ((event.key === "a" || event.key === "r") && at >= 0 && !event.repeat) {
    const button = buttonFor(current, event.key === "a" ? YES : NO, event.key === "a" ? 0 : -1);
    if (button?.closest("[data-asks]")) askMore(button);
    else if (button) hold(list, [button]);
  } else return;
  event.preventDefault();
}

function actionsOf(card) { return [...card.querySelectorAll("button[name=actionValue]")]; }

// The action of such a name; else the first or the last, where there are two.
function buttonFor(card, names, place) {
  const actions = actionsOf(card);
  return actions.find((button) => names.includes(button.value)) ?? (actions.length === 2 ? actions.at(place) : null);
}

// An action that asks for more is not decided by a key: its form opens.
function askMore(button) {
  button.closest("[data-asks]").open = true;
  button.form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
}

// What is too much for a browser to send after its page is left; it is sent at once.
function isHeavy({ form }) {
  return [...form.elements].some((item) => item.files?.length) || form.elements.comment?.value.length > 2000;
}

// Sends after some seconds, and moves to the next card meanwhile.
function hold(list, given) {
  const buttons = given.filter((button) => !isHeavy(button));
  for (const button of given.filter(isHeavy)) button.form.requestSubmit(button);
  if (!buttons.length) return;
  const chosen = buttons.map((button) => ({ button, card: button.closest("[data-card]") }));
  for (const { button, card } of chosen) {
    card.dataset.held = "yes";
    delete card.dataset.unsent;
    note(card.dataset.pause, `${button.textContent}: ${card.dataset.about}`);
  }
  const send = () => {
    clearTimeout(one.timer);
    for (const { button, card } of chosen) {
      delete card.dataset.held;
      if (!card.dataset.over) button.form.requestSubmit(button);
    }
    drawUndo();
  };
  const one = { chosen, send, timer: setTimeout(() => { held.splice(held.indexOf(one), 1); send(); }, UNDO_MS) };
  held.push(one);
  drawUndo();
  const rest = open(list);
  const after = rest.find((card) => current?.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING) ?? rest[0];
  drawIndex(list, document.getElementById("inbox-index"));
  if (after) choose(after, true);
}

function undo() {
  const one = held.pop();
  if (!one) return;
  clearTimeout(one.timer);
  for (const { card } of one.chosen) { delete card.dataset.held; forget(card.dataset.pause); }
  drawUndo();
  drawIndex(document.getElementById("waiting-list"), document.getElementById("inbox-index"));
  choose(one.chosen[0].card, true);
}

// A browser that was ended has sent nothing of what it held.
function sayLost(list) {
  const stillOpen = new Set(open(list).filter((card) => actionsOf(card).length).map((card) => card.dataset.pause));
  const lost = takeLost(2 * UNDO_MS).filter(({ pause }) => stillOpen.has(pause));
  if (!lost.length) return;
  const place = document.createElement("p");
  place.className = "notice warn";
  place.setAttribute("role", "alert");
  place.textContent = `Not sent: ${lost.map(({ summary }) => summary).join("; ")}. Decide again.`;
  list.closest(".inbox-panes").before(place);
}

// What could not be sent, wherever the reader is by now.
function drawUnsent(list) {
  const place = document.getElementById("unsent");
  const cards = open(list).filter((card) => card.dataset.unsent);
  place.hidden = !cards.length;
  if (!cards.length) return;
  const [first] = cards;
  place.querySelector("span").textContent = cards.length > 1 ? `${cards.length} decisions were not sent.` : `Not sent: ${first.dataset.about}. ${first.dataset.unsent}`;
}

function drawUndo() {
  const place = document.getElementById("undoing");
  const last = held.at(-1);
  place.hidden = !last;
  if (!last) return;
  const [first] = last.chosen;
  const count = last.chosen.length;
  place.querySelector("span").textContent = count > 1 ? `${first.button.textContent}: ${count} questions.` : `${first.button.textContent}: ${first.card.dataset.about}.`;
}

// What all the chosen questions can be answered with.
function drawSeveral(list) {
  const place = document.getElementById("several");
  const chosen = ticked(list);
  place.hidden = chosen.length === 0;
  const shared = chosen.length ? actionsOf(chosen[0]).filter((button) => !button.closest("[data-asks]") && chosen.every((card) => actionsOf(card).some((other) => other.value === button.value && !other.closest("[data-asks]")))) : [];
  const status = document.createElement("span");
  status.textContent = `${chosen.length} chosen`;
  const buttons = shared.map((button) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "small";
    made.dataset.value = button.value;
    made.textContent = button.textContent;
    return made;
  });
  if (chosen.length && !shared.length) status.textContent += ": they have no action in common";
  place.replaceChildren(status, ...buttons);
}

function ticked(list) {
  const ids = new Set([...document.querySelectorAll("#inbox-index [data-tick]:checked")].map((box) => box.value));
  return open(list).filter((card) => ids.has(card.id));
}

function decideSeveral(list, event) {
  const value = event.target.closest("button")?.dataset.value;
  if (!value) return;
  const buttons = ticked(list).map((card) => actionsOf(card).find((button) => button.value === value));
  hold(list, buttons);
}
