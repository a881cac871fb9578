// Requests to the API with the session; a change brings the session's own word.
// A request in progress when its page is left continues without it, as far as browsers allow:
// they keep 64 KiB of bodies at a time, and refuse what is more.
import { upload } from "./upload.js";

const MOST_KEPT = 60_000;
const SLOW_MS = 4_000;
const SLOW = "The server has not answered yet. This continues by itself.";
const OFFLINE = "You are offline, and nothing was sent. What you have written stays here.";
const NO_ANSWER = "The server does not answer. Check the connection and try again.";
const UNSURE = "No answer came, so it may have been done or not. Look at the page again before you repeat it.";
const ONCE = "No answer came. Send it again when the connection is back: it counts once.";
const SIGNED_OUT = "You are signed out, and nothing was sent. Sign in in another tab, then send this again: what you have written stays here.";
const SOMEBODY_ELSE = "Somebody else has signed in meanwhile, and nothing was sent. Copy what you have written, and load the page again.";
let kept = 0;
let csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

export class Refused extends Error {
  constructor(status, document, wait = 0) {
    super(document.message || `The server answered ${status}.`);
    this.status = status;
    this.wait = wait;
    this.details = document.details ?? [];
  }
}

// `key` is sent as Idempotency-Key: what comes again with it counts once.
export async function call(method, address, body, key = null) {
  let answer = await send(method, address, body, key);
  if (answer.status === 401 && await isSignedInAgain()) answer = await send(method, address, body, key);
  const document = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    if (isWritten()) throw new Refused(401, { message: SIGNED_OUT });
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!answer.ok) throw new Refused(answer.status, document, Number(answer.headers.get("retry-after")) || 0);
  return document;
}

async function send(method, address, body, key) {
  const headers = { "x-csrf-token": csrf };
  if (key) headers["idempotency-key"] = key;
  const isForm = body instanceof FormData;
  const slow = isForm ? null : setTimeout(() => say(SLOW, true), SLOW_MS);
  if (body !== undefined && !isForm) headers["content-type"] = "application/json";
  const sent = isForm || body === undefined ? body : JSON.stringify(body);
  const weight = method === "GET" || isForm ? Infinity : new Blob([sent ?? ""]).size;
  const keepalive = kept + weight <= MOST_KEPT;
  if (keepalive) kept += weight;
  try {
    if (isForm) return await upload(method, address, headers, sent, sayProgress);
    return await fetch(address, { method, headers, keepalive, body: sent });
  } catch {
    throw new Refused(0, { message: wordsOfLoss(method, key) });
  } finally {
    if (keepalive) kept -= weight;
    clearTimeout(slow);
    unsay();
  }
}

// What a lost request means for whoever sent it.
function wordsOfLoss(method, key) {
  if (!navigator.onLine) return OFFLINE;
  if (key) return ONCE;
  return method === "POST" ? UNSURE : NO_ANSWER;
}

function sayProgress(loaded, total) {
  if (loaded < total) say(`Sending the file: ${Math.floor((loaded / total) * 100)} % of ${sizeOf(total)}.`, true);
  else say("The file is sent. Waiting for the answer…", true);
}

function sizeOf(bytes) {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

// A session that began in another tab has a word of its own; it must be of the same person.
async function isSignedInAgain() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [now, before] = [page, document].map((one) => one.querySelector(".who > span")?.title);
  if (!now || now !== before) throw new Refused(401, { message: SOMEBODY_ELSE });
  csrf = page.querySelector('meta[name="csrf"]').content;
  return true;
}

// Whether somebody has written something that would be lost with the page.
function isWritten() {
  const fields = document.querySelectorAll("form[data-api] :is(textarea, input:not([type=hidden], [type=checkbox], [type=radio]))");
  return [...fields].some((item) => item.value !== item.defaultValue);
}

// A word in passing, which goes after some seconds; one that stays goes with what it is about.
export function say(text, stays = false) {
  const place = document.getElementById("said");
  // What is outside an open dialog is neither in sight nor read out.
  const home = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (place.parentElement !== home) home.append(place);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = false;
  place.toggleAttribute("data-stays", stays);
  clearTimeout(say.timer);
  if (!stays) say.timer = setTimeout(() => { place.hidden = true; }, 6000);
}

function unsay() {
  const place = document.getElementById("said");
  if (place.hasAttribute("data-stays")) place.hidden = true;
}
