// The picture of a workflow: drag to move, buttons for its size, the current step in sight.
const READABLE = 0.72;
const BARELY_READABLE = 0.5;
const [PHONE_PX, NARROW_PX] = [420, 480];
const SMALLEST_LARGEST = [0.1, 2];
const MAP_FROM = 30;
const MAP_PX = [120, 140];
const THIN_PX = [28, 320];
const AT_WORK = ".state-running,.state-paused,.state-waiting";
const SVG = "http://www.w3.org/2000/svg";

export function startPictures(root) {
  for (const picture of root.querySelectorAll("[data-graph]")) {
    if (picture.dataset.started) continue;
    picture.dataset.started = "yes";
    const pane = picture.querySelector("[data-pane]");
    picture.addEventListener("click", (event) => {
      const zoom = event.target.closest("[data-zoom]")?.dataset.zoom;
      if (zoom) scale(pane, zoom);
      const follow = event.target.closest("[data-follow]");
      if (!follow) return;
      follow.setAttribute("aria-pressed", String(follow.getAttribute("aria-pressed") !== "true"));
      if (isFollowing(picture)) centre(pane, AT_WORK);
    });
    drag(pane);
    zoomByHand(pane);
    const begin = () => { scale(pane, "begin"); centre(pane); startMap(picture, pane); };
    // What is folded has no width in some browsers.
    if (pane.clientWidth) begin();
    else picture.closest("details")?.addEventListener("toggle", begin, { once: true });
  }
}

// Two fingers, or the wheel with Ctrl, which is what a pinch on a touchpad comes as.
function zoomByHand(pane) {
  pane.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomAt(pane, Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }, { passive: false });
  let apart = 0;
  pane.addEventListener("touchmove", (event) => {
    if (event.touches.length !== 2) { apart = 0; return; }
    event.preventDefault();
    const [a, b] = event.touches;
    const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (apart) zoomAt(pane, now / apart, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
    apart = now;
  }, { passive: false });
  pane.addEventListener("touchend", () => { apart = 0; });
}

// What is under the fingers stays there.
function zoomAt(pane, factor, clientX, clientY) {
  const svg = pane.querySelector("svg");
  if (!svg) return;
  const { width, height } = svg.viewBox.baseVal;
  const now = Number(svg.getAttribute("width")) / width;
  const next = Math.min(SMALLEST_LARGEST[1], Math.max(SMALLEST_LARGEST[0], now * factor));
  const box = pane.getBoundingClientRect();
  const [x, y] = [clientX - box.left, clientY - box.top];
  const [left, top] = [(pane.scrollLeft + x) * (next / now) - x, (pane.scrollTop + y) * (next / now) - y];
  svg.setAttribute("width", Math.round(width * next));
  svg.setAttribute("height", Math.round(height * next));
  pane.scrollTo(left, top);
}

// From so many steps on, a small picture of the whole says where one is.
function startMap(picture, pane) {
  picture.querySelector(".minimap")?.remove();
  const svg = pane.querySelector("svg");
  const steps = svg ? [...svg.querySelectorAll(".step")] : [];
  if (steps.length < MAP_FROM) return;
  const map = document.createElementNS(SVG, "svg");
  const { width, height } = svg.viewBox.baseVal;
  map.setAttribute("class", "minimap");
  map.setAttribute("viewBox", `0 0 ${width} ${height}`);
  map.setAttribute("aria-hidden", "true");
  const small = Math.min(MAP_PX[0] / width, MAP_PX[1] / height);
  // Of a chain of hundreds of steps the map is as long as the pane has room for, and stretched to be seen.
  const isThin = width * small < THIN_PX[0];
  map.setAttribute("preserveAspectRatio", "none");
  map.setAttribute("width", Math.max(THIN_PX[0], Math.round(width * small)));
  map.setAttribute("height", isThin ? Math.min(THIN_PX[1], pane.clientHeight - 90) : Math.max(28, Math.round(height * small)));
  const whole = svg.getBoundingClientRect();
  const share = width / whole.width;
  for (const step of steps) {
    const box = step.querySelector("rect").getBoundingClientRect();
    map.append(rect((box.x - whole.x) * share, (box.y - whole.y) * share, box.width * share, box.height * share, step.getAttribute("class")));
  }
  const view = rect(0, 0, 1, 1, "view");
  view.setAttribute("vector-effect", "non-scaling-stroke");
  view.setAttribute("stroke-width", 1.5);
  map.append(view);
  const show = () => {
    const scaled = Number(pane.querySelector("svg").getAttribute("width")) / width;
    for (const [name, size] of [["x", pane.scrollLeft], ["y", pane.scrollTop], ["width", Math.min(pane.clientWidth, width * scaled)], ["height", Math.min(pane.clientHeight, height * scaled)]]) {
      view.setAttribute(name, size / scaled);
    }
  };
  map.addEventListener("click", (event) => {
    const box = map.getBoundingClientRect();
    const scaled = Number(pane.querySelector("svg").getAttribute("width")) / width;
    pane.scrollTo(((event.clientX - box.left) / box.width) * width * scaled - pane.clientWidth / 2, ((event.clientY - box.top) / box.height) * height * scaled - pane.clientHeight / 2);
  });
  pane.onscroll = show;
  new ResizeObserver(show).observe(svg);
  picture.append(map);
  show();
}

function rect(x, y, width, height, name) {
  const made = document.createElementNS(SVG, "rect");
  for (const [key, value] of Object.entries({ x, y, width, height, class: name })) made.setAttribute(key, value);
  return made;
}

// A picture drawn again, on a page that updates itself.
export function redraw(picture, drawn) {
  const pane = picture.querySelector("[data-pane]");
  const old = pane.querySelector("svg");
  drawn.dataset.scaled = "yes";
  sizeLike(drawn, old);
  if (old.outerHTML === drawn.outerHTML) return;
  showAnew(pane, document.adoptNode(drawn));
  startMap(picture, pane);
  if (isFollowing(picture)) centre(pane, AT_WORK);
}

// There is nothing to follow in a run that has ended.
export function endFollowing(picture) {
  const button = picture.querySelector("[data-follow]");
  if (button === document.activeElement) picture.querySelector("[data-pane]").focus({ preventScroll: true });
  button?.remove();
}

function isFollowing(picture) {
  return picture.querySelector("[data-follow]")?.getAttribute("aria-pressed") === "true";
}

function sizeLike(drawn, old) {
  const share = Number(old.getAttribute("width")) / old.viewBox.baseVal.width;
  const { width, height } = drawn.viewBox.baseVal;
  drawn.setAttribute("width", Math.round(width * share));
  drawn.setAttribute("height", Math.round(height * share));
}

// It keeps the size and the place that the one before had.
export function showAnew(pane, drawn) {
  const old = pane.querySelector("svg");
  const place = [pane.scrollLeft, pane.scrollTop];
  pane.replaceChildren(drawn);
  if (!old) { scale(pane, "begin"); centre(pane); return; }
  sizeLike(drawn, old);
  pane.scrollTo(...place);
}

function scale(pane, zoom) {
  const svg = pane.querySelector("svg");
  if (!svg) return;
  const { width, height } = svg.viewBox.baseVal;
  const now = Number(svg.getAttribute("width")) / width;
  const { paddingTop, paddingBottom } = getComputedStyle(pane);
  const room = pane.clientHeight - Number.parseFloat(paddingTop) - Number.parseFloat(paddingBottom);
  const fit = Math.min(1, (pane.clientWidth - 2) / width, room / height);
  if (zoom === "begin" && svg.dataset.scaled) return;
  svg.dataset.scaled = "yes";
  // Words are to be read before the whole is to be seen. On a phone the whole width is in sight first,
  // however long the picture is, and two fingers look closer.
  const across = Math.min(READABLE, (pane.clientWidth - 2) / width);
  const least = pane.clientWidth < PHONE_PX ? across : pane.clientWidth < NARROW_PX ? BARELY_READABLE : READABLE;
  const first = Math.max(fit, least);
  const next = zoom === "begin" ? first : zoom === "fit" ? fit : Math.min(2, Math.max(0.25, now * (zoom === "in" ? 1.25 : 0.8)));
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

function centre(pane, which = ".selected") {
  const current = pane.querySelector(which) ?? pane.querySelector(`${AT_WORK},.state-failed`) ?? pane.querySelector(".first");
  if (!current) return;
  const box = current.getBoundingClientRect();
  const frame = pane.getBoundingClientRect();
  pane.scrollTo(
    pane.scrollLeft + box.left + box.width / 2 - frame.left - frame.width / 2,
    Math.max(0, pane.scrollTop + box.top - frame.top - frame.height / 2),
  );
}
