// Requests to the API with the session; a change brings the session's own word.
// A request in progress when its page is left continues without it, as far as browsers allow:
// they keep 64 KiB of bodies at a time, and refuse what is more.
const MOST_KEPT = 60_000;
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
  if (body !== undefined && !isForm) headers["content-type"] = "application/json";
  const sent = isForm || body === undefined ? body : JSON.stringify(body);
  const weight = method === "GET" || isForm ? Infinity : new Blob([sent ?? ""]).size;
  const keepalive = kept + weight <= MOST_KEPT;
  if (keepalive) kept += weight;
  try {
    return await fetch(address, { method, headers, keepalive, body: sent });
  } catch {
    throw new Refused(0, { message: "The server does not answer. Check the connection and try again." });
  } finally {
    if (keepalive) kept -= weight;
  }
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

export function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.hidden = true; }, 6000);
}
