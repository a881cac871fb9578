// What has come and would move what somebody aims at: held back, and offered by a button.
const ACTIVE = "a, button, summary, input, select, textarea, label";
const TOUCH_MS = 1000;

const hand = { hasMoved: false, touchedAt: 0 };
const offered = new Map();

export function startNews() {
  document.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") hand.hasMoved = true; });
  document.addEventListener("pointerdown", (event) => { if (event.pointerType !== "mouse") hand.touchedAt = Date.now(); });
}

// Whether somebody points at something that would move away.
export function isAimed(list) {
  if (Date.now() - hand.touchedAt < TOUCH_MS) return true;
  if (!hand.hasMoved) return false;
  const hovered = [...document.querySelectorAll(":hover")].pop()?.closest(ACTIVE);
  return Boolean(hovered && (list.contains(hovered) || list.compareDocumentPosition(hovered) & Node.DOCUMENT_POSITION_FOLLOWING));
}

// Says how many there are; a press on that shows them. None takes the offer back.
export function offer(list, news, show) {
  const pill = pillOf(list);
  offered.set(list, { news, show });
  pill.hidden = !news.length;
  const text = `${news.length} new`;
  if (pill.textContent !== text) pill.textContent = text;
}

function pillOf(list) {
  const known = document.getElementById(`${list.id}-news`);
  if (known) return known;
  const pill = document.createElement("button");
  pill.type = "button";
  pill.id = `${list.id}-news`;
  pill.className = "news";
  pill.setAttribute("aria-live", "polite");
  pill.addEventListener("click", () => {
    const { news, show } = offered.get(list);
    const first = news[0];
    pill.hidden = true;
    show();
    first.tabIndex = -1;
    first.scrollIntoView({ block: "center" });
    first.focus({ preventScroll: true });
  });
  document.body.append(pill);
  return pill;
}
