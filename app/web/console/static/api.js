// Requests to the API with the session; a change brings the session's own word.
// What is sent while a page is being left goes on without it.
let isLeaving = false;
window.addEventListener("pagehide", () => { isLeaving = true; });
window.addEventListener("pageshow", () => { isLeaving = false; });
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
  let answer;
  try {
    answer = await fetch(address, { method, headers, keepalive: isLeaving, body: isForm || body === undefined ? body : JSON.stringify(body) });
  } catch {
    throw new Refused(0, { message: "The server does not answer. Check the connection and try again." });
  }
  const document = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!answer.ok) throw new Refused(answer.status, document, Number(answer.headers.get("retry-after")) || 0);
  return document;
}

export function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.hidden = true; }, 6000);
}
