// Decisions that are held for an undo, noted in the browser until they are sent or taken back. What is
// left of them was lost when the browser was ended; the question is still open, and the inbox says so.
const KEY = "held-decisions";

export function note(pause, summary) { keep({ ...all(), [pause]: { summary, at: Date.now() } }); }

export function forget(pause) {
  const { [pause]: _, ...rest } = all();
  keep(rest);
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
