// Forms that call the API: `data-api="METHOD /address"`, and `data-then` for what follows.
import { Refused, call, say } from "./api.js";
import { leave, settle } from "./cards.js";
import { begin, bodyOf, keys, renewFields } from "./edits.js";
import { refresh } from "./live.js";
import { forget, keyOf } from "./once.js";
import { carryTap } from "./taps.js";
import { fail as failHeld, forget as forgetHeld } from "./unsent.js";

const REVEALED = { invitation: "The link to join", key: "The new API key", secret: "The new secret", url: "The link" };
const TOO_LATE = "Your answer came too late and has changed nothing.";

export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.api) { event.preventDefault(); send(form, event.submitter); } else if (form.method === "post") leaveOnce(event);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of document.querySelectorAll("form[data-busy=leaving]")) release(form);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-dialog],[data-close],[data-copy]");
    if (!button) return;
    if (button.dataset.dialog) open(document.getElementById(button.dataset.dialog));
    else if (button.dataset.copy) copy(document.getElementById(button.dataset.copy).textContent);
    else button.closest("dialog")?.close();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-preview],[data-rerun]")) {
      renewFields(event.target.form, event.target.matches("[data-preview]"));
      preview(event.target.form);
    }
  });
  // An address may name a dialog, such as `/runs/...#share` in the inbox.
  const named = location.hash && document.getElementById(location.hash.slice(1));
  if (named instanceof HTMLDialogElement) {
    history.replaceState(null, "", location.pathname + location.search);
    open(named);
  }
  const stored = sessionStorage.getItem("said");
  if (stored) { sessionStorage.removeItem("said"); say(stored); }
}

// The focus goes in, to the first field, and back to what opened it, which may have been drawn anew.
function open(dialog) {
  if (!dialog) return;
  dialog.showModal();
  // Nothing is deleted by a second press of Enter.
  if (document.activeElement.matches(".danger")) dialog.querySelector("[data-close]")?.focus();
  dialog.addEventListener("close", () => {
    if (document.activeElement !== document.body && !dialog.contains(document.activeElement)) return;
    (document.querySelector(`[data-dialog="${dialog.id}"]`) ?? document.getElementById("main")).focus({ preventScroll: true });
  }, { once: true });
  const form = dialog.querySelector("form[data-edits]");
  if (form) enter(dialog, form);
}

// Fields that are still to come stand above the reason, so the title has the focus until then.
async function enter(dialog, form) {
  const title = dialog.querySelector("h2");
  title.tabIndex = -1;
  title.focus();
  await begin(form);
  if (document.activeElement === title) form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
}

// While an answer is on its way, and while the page that follows is, a form is not sent again.
async function send(form, submitter) {
  if (form.dataset.busy) return;
  form.dataset.busy = "sending";
  submitter?.setAttribute("aria-busy", "true");
  try {
    if (form.dataset.confirm && !(await confirmed(form.dataset.confirm, submitter))) return;
    clear(form);
    const [method, address] = target(form);
    const body = method === "DELETE" ? undefined : await bodyOf(form, submitter);
    const key = keyOf(form);
    if (form.dataset.once) body[form.dataset.once] = key;
    const answer = await call(method, address, body, key);
    forget(form);
    await follow(form, answer);
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    await fail(form, refused);
  } finally {
    if (form.dataset.busy === "sending") release(form);
  }
}

// What another version would do differently, before it is asked for.
async function preview(form) {
  const place = form.querySelector("[data-preview]");
  if (!place) return;
  const said = document.getElementById(place.dataset.preview);
  said.textContent = "";
  if (!place.value) return;
  try {
    const [method, address] = target(form);
    const asked = Object.fromEntries(keys(form).map(({ name, value }) => [name, name === "visit" ? Number(value) : value]));
    const { version, changedSteps, changedBesides } = await call(method, address, { ...asked, dryRun: true });
    const steps = changedSteps.map(({ stepId, change, done }) => `${stepId} (${change}${done ? ", done before" : ""})`);
    const all = [...steps, ...changedBesides];
    said.textContent = all.length ? `Different in ${version}: ${all.join(", ")}.` : `No step is different in ${version}.`;
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    said.textContent = refused.details.map(({ path, message }) => `${path} ${message}`).join("; ") || (refused.status ? refused.message : "No answer came, so what is different is not known.");
  }
}

function release(form) {
  delete form.dataset.busy;
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}

// A form without the API leads to another page by itself: once.
function leaveOnce(event) {
  if (event.target.dataset.busy) { event.preventDefault(); return; }
  // The browser's own page about it would take what is written with it.
  if (!navigator.onLine) { event.preventDefault(); say("You are offline, and nothing was sent. What you have written stays here."); return; }
  event.target.dataset.busy = "leaving";
  carryTap();
  event.submitter?.setAttribute("aria-busy", "true");
}

async function fail(form, refused) {
  const card = form.closest("[data-pause]");
  if (card && [404, 409, 422].includes(refused.status) && await settle(card, { note: TOO_LATE })) return;
  show(form, refused);
  // Whoever has decided by a key is at another card by now.
  if (card && failHeld(card.dataset.pause)) card.dataset.unsent = refused.message;
}

function target(form) {
  const [method, address] = form.dataset.api.split(/ (.*)/);
  return [method, address.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(form.querySelector(`[data-path="${name}"]`).value))];
}

async function follow(form, answer) {
  const then = form.dataset.then;
  if (then === "show") { reveal(form, String(answer[form.dataset.show] ?? "The public key is stored.")); return; }
  if (then === "say") { tell(form, answer); return; }
  if (then === "settle") {
    say(form.dataset.said);
    const card = form.closest("[data-pause]");
    forgetHeld(card.dataset.pause);
    // Where more answers are wanted, the card says how many.
    if (answer.pauseSignal?.pauseId === card.dataset.pause) await renew(form, card);
    else await settle(card, { isMine: true });
    return;
  }
  if (then === "renew") {
    say(form.dataset.said);
    await renew(form, form.closest("[data-card]"));
    return;
  }
  if (form.dataset.said) sessionStorage.setItem("said", form.dataset.said);
  form.dataset.busy = "leaving";
  carryTap();
  if (then === "reload") location.reload();
  else if (then === "away") location.assign(answer.address);
  else location.assign(then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name])));
}

// Without loading the page again: something may be written in its other forms.
async function renew(form, card) {
  form.reset();
  const fresh = await refresh();
  if (fresh && !fresh.getElementById(card.id)) leave(card, form.dataset.said);
}

// The result of a trial, where the form wants it, or in passing.
function tell(form, answer) {
  const pattern = answer.success ? form.dataset.said : form.dataset.failed;
  const text = pattern.replace(/\{(\w+)\}/g, (_, name) => answer[name]);
  const place = document.getElementById(form.dataset.into);
  if (!place) { say(text); return; }
  place.textContent = text;
  place.className = `notice ${answer.success ? "good" : "bad"}`;
  place.hidden = false;
}

function show(form, refused) {
  const others = [];
  let first = null;
  for (const { path, message } of refused.details) {
    const place = [...form.querySelectorAll("[data-field]")].findLast((item) =>
      path === item.dataset.field || path.startsWith(`${item.dataset.field}.`) || path.startsWith(`${item.dataset.field}[`));
    place?.closest("details")?.setAttribute("open", "");
    const wrong = place?.querySelector(":scope > .wrong") ?? place?.querySelector(".wrong");
    if (!wrong) { others.push(`${path} ${message}`); continue; }
    wrong.textContent = path === place.dataset.field ? message : `${path} ${message}`;
    wrong.hidden = false;
    const control = place.querySelector("input:not([type=hidden]),select,textarea,button");
    if (!control) { wrong.setAttribute("role", "alert"); continue; }
    control.setAttribute("aria-invalid", "true");
    describe(control, wrong);
    first ??= control;
  }
  if (!refused.details.length || others.length) {
    const place = form.querySelector("[data-others]");
    const text = others.join("; ") || refused.message;
    if (place) { place.textContent = text; place.hidden = false; } else say(text);
  }
  first?.focus();
}

// What is wrong with a field is read out with it.
function describe(control, wrong) {
  if (!wrong.id && control.id) wrong.id = `${control.id}-wrong`;
  if (!wrong.id) return;
  const parts = (control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
  if (!parts.includes(wrong.id)) control.setAttribute("aria-describedby", [...parts, wrong.id].join(" "));
}

function clear(form) {
  for (const wrong of form.querySelectorAll(".wrong")) wrong.hidden = true;
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

function dialogOf(title, text, buttons) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", title);
  const form = document.createElement("form");
  form.method = "dialog";
  const heading = document.createElement("h2");
  heading.textContent = title;
  const row = document.createElement("div");
  row.className = "row";
  row.append(...buttons);
  form.append(heading, ...text, row);
  dialog.append(form);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    const said = dialog.querySelector("#said");
    if (said) document.body.append(said);
    dialog.remove();
  });
  dialog.showModal();
  return dialog;
}

function button(label, kind, value, isFirst = false) {
  const made = document.createElement("button");
  made.textContent = label;
  made.className = kind;
  made.value = value;
  made.autofocus = isFirst;
  return made;
}

// Asks whether it is meant: the button says again what is done, and what follows is explained.
function confirmed(question, submitter) {
  const [, title, effect] = /^(.*?\?)\s*(.*)$/.exec(question) ?? [null, question, ""];
  const said = document.createElement("p");
  said.textContent = effect;
  const what = [...(submitter?.childNodes ?? [])].find((node) => node.nodeType === Node.TEXT_NODE)?.textContent.trim();
  return new Promise((resolve) => {
    const dialog = dialogOf(title, effect ? [said] : [], [button(what || "Yes", "danger", "yes"), button("Cancel", "", "no", true)]);
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}

function reveal(form, secret) {
  const note = document.createElement("p");
  note.textContent = "Keep it now: it is not shown again.";
  const shown = document.createElement("pre");
  shown.id = "revealed";
  shown.tabIndex = 0;
  shown.textContent = secret;
  const copies = button("Copy", "main", "");
  copies.type = "button";
  copies.addEventListener("click", () => copy(secret));
  form.closest("dialog")?.close();
  const dialog = dialogOf(REVEALED[form.dataset.show] ?? "Done", [note, shown], [copies, button("Close", "", "close")]);
  dialog.addEventListener("close", () => location.reload());
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("The browser does not allow copying here. Select the text instead.");
  }
}
