// The picture of a workflow: drag to move, buttons for its size, the current step in sight.
const READABLE = 0.72;

export function startPictures(root) {
  for (const picture of root.querySelectorAll("[data-graph]")) {
    if (picture.dataset.started) continue;
    picture.dataset.started = "yes";
    const pane = picture.querySelector("[data-pane]");
    picture.addEventListener("click", (event) => {
      const zoom = event.target.closest("[data-zoom]")?.dataset.zoom;
      if (zoom) scale(pane, zoom);
    });
    drag(pane);
    scale(pane, "begin");
    centre(pane);
  }
}

// A picture drawn anew keeps the size and the place that the one before had.
export function showAnew(pane, drawn) {
  const old = pane.querySelector("svg");
  const place = [pane.scrollLeft, pane.scrollTop];
  pane.replaceChildren(drawn);
  if (!old) { scale(pane, "begin"); centre(pane); return; }
  const share = Number(old.getAttribute("width")) / old.viewBox.baseVal.width;
  const { width, height } = drawn.viewBox.baseVal;
  drawn.setAttribute("width", Math.round(width * share));
  drawn.setAttribute("height", Math.round(height * share));
  pane.scrollTo(...place);
}

function scale(pane, zoom) {
  const svg = pane.querySelector("svg");
  if (!svg) return;
  const { width, height } = svg.viewBox.baseVal;
  const now = Number(svg.getAttribute("width")) / width;
  const fit = Math.min(1, (pane.clientWidth - 2) / width);
  if (zoom === "begin" && svg.dataset.scaled) return;
  svg.dataset.scaled = "yes";
  const next = zoom === "begin" ? Math.max(fit, READABLE) : zoom === "fit" ? fit : Math.min(2, Math.max(0.25, now * (zoom === "in" ? 1.25 : 0.8)));
  svg.setAttribute("width", Math.round(width * next));
  svg.setAttribute("height", Math.round(height * next));
}

function drag(pane) {
  pane.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    const from = [event.clientX + pane.scrollLeft, event.clientY + pane.scrollTop];
    const move = (moved) => { pane.scrollTo(from[0] - moved.clientX, from[1] - moved.clientY); };
    const stop = () => { window.removeEventListener("pointermove", move); };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", stop, { once: true });
  });
}

function centre(pane) {
  const current = pane.querySelector(".state-running,.state-paused,.state-waiting,.state-failed") ?? pane.querySelector(".first");
  if (!current) return;
  const box = current.getBoundingClientRect();
  const frame = pane.getBoundingClientRect();
  pane.scrollTo(
    pane.scrollLeft + box.left + box.width / 2 - frame.left - frame.width / 2,
    Math.max(0, pane.scrollTop + box.top - frame.top - frame.height / 2),
  );
}
