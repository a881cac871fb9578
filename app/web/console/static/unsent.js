// Decisions that are held for an undo, noted in the browser until the server has them or they are taken
// back. What is left of them was not sent; the question is still open, and the inbox says so.
const KEY = "held-decisions";

export function note(pause, summary) { keep({ ...all(), [pause]: { summary, at: Date.now() } }); }

export function forget(pause) {
  const { [pause]: _, ...rest } = all();
  keep(rest);
}

// What was noted for a decision that could not be sent, if it was held; from now on it counts as lost.
export function fail(pause) {
  const found = all()[pause];
  if (found) keep({ ...all(), [pause]: { ...found, at: 0 } });
  return found?.summary;
}

// What was held longer ago than a page holds anything, by pause.
export function takeLost(longestMs) {
  const lost = Object.entries(all()).filter(([, { at }]) => Date.now() - at > longestMs);
  for (const [pause] of lost) forget(pause);
  return lost.map(([pause, { summary }]) => ({ pause, summary }));
}

function all() {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; }
}

// Without storage, nothing can be said afterwards.
function keep(held) {
  try { if (Object.keys(held).length) localStorage.setItem(KEY, JSON.stringify(held)); else localStorage.removeItem(KEY); } catch { /* as said */ }
}
