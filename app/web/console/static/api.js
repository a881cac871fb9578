// Requests to the API with the session; a change brings the session's own word.
// A request in progress when its page is left continues without it, as far as browsers allow:
// they keep 64 KiB of bodies at a time, and refuse what is more.
const MOST_KEPT = 60_000;
const SIGNED_OUT = "You are signed out, and nothing was sent. What you have written is still here: copy it, load the page again and sign in.";
let kept = 0;
const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

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
  const headers = { "x-csrf-token": csrf };
  if (key) headers["idempotency-key"] = key;
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["content-type"] = "application/json";
  const sent = isForm || body === undefined ? body : JSON.stringify(body);
  const weight = method === "GET" || isForm ? Infinity : new Blob([sent ?? ""]).size;
  const keepalive = kept + weight <= MOST_KEPT;
  if (keepalive) kept += weight;
  let answer;
  try {
    answer = await fetch(address, { method, headers, keepalive, body: sent });
  } catch {
    throw new Refused(0, { message: "The server does not answer. Check the connection and try again." });
  } finally {
    if (keepalive) kept -= weight;
  }
  const document = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    if (isWritten()) throw new Refused(401, { message: SIGNED_OUT });
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!answer.ok) throw new Refused(answer.status, document, Number(answer.headers.get("retry-after")) || 0);
  return document;
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
