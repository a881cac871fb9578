// One gesture is one decision: a second tap at the same place, meant for what stood there before,
// does nothing to what stands there now, on the page that follows too.
const TWICE_MS = 650;
const NEAR_PX = 48;
const CONTROLS = "button, a, summary";
const CARRIED = "tap";

let last = null;
let touched = null;

export function startTaps() {
  last = JSON.parse(sessionStorage.getItem(CARRIED) ?? "null");
  sessionStorage.removeItem(CARRIED);
  document.addEventListener("click", guard, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.repeat && !event.target.matches("textarea")) event.preventDefault();
  }, true);
}

// What was tapped leads to another page, to which the second tap may come.
export function carryTap() {
  if (last) sessionStorage.setItem(CARRIED, JSON.stringify(last));
}

function guard(event) {
  if (!event.isTrusted || event.detail === 0) return; // by the keyboard, or by a script
  const control = event.target.closest(CONTROLS);
  const before = last;
  last = { at: Date.now(), x: event.clientX, y: event.clientY };
  if (control?.matches("a") || sessionStorage.getItem(CARRIED)) carryTap();
  if (before && control && control !== touched && isSecond(before, last)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  touched = control;
}

function isSecond(before, tap) {
  return tap.at - before.at < TWICE_MS && Math.hypot(tap.x - before.x, tap.y - before.y) < NEAR_PX;
}
