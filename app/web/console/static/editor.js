// The editor of a definition: line numbers, problems at their place, the picture beside it.
import { Refused, call } from "./api.js";
import { showAnew } from "./picture.js";

const QUIET_MS = 300;

// What a key that was taken out of the text means: saving keeps what is not sent.
const DEFAULTS = {
  description: "", payload: {}, edges: [], tool: false, maxStepExecutions: 1000,
  model: null, temperature: null, maxTokens: null, tools: [], output: {}, limits: {},
  reasoning: null, fallback: [], cache: true, toolChoice: null, context: null, checks: [],
};

export function startEditor() {
  const form = document.querySelector("[data-editor]");
  if (!form) return;
  const text = document.getElementById("text");
  const state = { first: parsed(text.value), saved: text.value, marked: new Map(), timer: null, asked: 0, document: null };
  text.addEventListener("input", () => {
    number(text, state.marked);
    clearTimeout(state.timer);
    document.getElementById("verdict").textContent = "Checking…";
    state.timer = setTimeout(() => check(text, state), QUIET_MS);
  });
  text.addEventListener("scroll", () => { document.getElementById("numbers").scrollTop = text.scrollTop; });
  text.addEventListener("keydown", (event) => indent(event, text));
  document.getElementById("problems").addEventListener("click", (event) => {
    const line = event.target.closest("[data-line]")?.dataset.line;
    if (line) go(text, Number(line));
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); save(form, text, state); });
  window.addEventListener("beforeunload", (event) => { if (text.value !== state.saved) event.preventDefault(); });
  state.marked = marks([...document.querySelectorAll("#problems [data-line]")].map((item) => [Number(item.dataset.line), item.dataset.finding]));
  number(text, state.marked);
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return {}; }
}

async function check(text, state) {
  const asked = ++state.asked;
  try {
    const found = await call("POST", `${text.form.dataset.pages}/preview`, { text: text.value });
    if (asked !== state.asked) return;
    const all = [...found.problems.map((item) => [item, "problem"]), ...found.warnings.map((item) => [item, "warning"])];
    list(all);
    state.document = found.document;
    document.getElementById("verdict").textContent = verdictOf(found.problems.length, found.warnings.length);
    state.marked = marks(all.map(([item, word]) => [item.line, word]));
    number(text, state.marked);
    draw(found.graph);
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    document.getElementById("verdict").textContent = refused.status ? refused.message : "Not checked: no answer";
  }
}

// The lines with something on them; where a problem and a warning share one, the problem shows.
function marks(found) {
  return new Map([...found].sort(([, one], [, other]) => (one === "problem") - (other === "problem")));
}

function list(found) {
  const place = document.getElementById("problems");
  place.replaceChildren(...found.map(([problem, word]) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.line = problem.line;
    button.dataset.finding = word;
    const line = document.createElement("span");
    line.className = "line";
    line.textContent = `Line ${problem.line}, ${word}`;
    const path = document.createElement("code");
    path.textContent = problem.path;
    button.append(line, path, problem.path ? " " : "", problem.message);
    item.append(button);
    return item;
  }));
}

function verdictOf(problems, warnings) {
  const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const first = problems ? counted(problems, "problem") : "No problems";
  return warnings ? `${first}, ${counted(warnings, "warning")}` : first;
}

function draw(graph) {
  if (graph === null) return;
  const pane = document.querySelector("#graph [data-pane]");
  if (!graph) { pane.replaceChildren(); return; }
  const drawn = new DOMParser().parseFromString(graph, "image/svg+xml").documentElement;
  showAnew(pane, document.adoptNode(drawn));
}

function number(text, marked) {
  const place = document.getElementById("numbers");
  const count = text.value.split("\n").length;
  place.replaceChildren(...Array.from({ length: count }, (_, index) => {
    const node = document.createElement(marked.has(index + 1) ? "b" : "span");
    if (marked.has(index + 1)) node.dataset.finding = marked.get(index + 1);
    node.textContent = index + 1;
    return node;
  }).flatMap((node) => [node, "\n"]));
  place.scrollTop = text.scrollTop;
}

function go(text, line) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, item) => sum + item.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
  text.scrollTop = Math.max(0, (line - 6) * 20);
}

// Tab indents; after Escape it moves the focus on, as it does elsewhere.
function indent(event, text) {
  if (event.key === "Escape") { text.dataset.leave = "yes"; return; }
  if (event.key === "Tab" && !event.shiftKey && !text.dataset.leave) {
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
    text.dispatchEvent(new Event("input"));
  }
  if (event.key !== "Tab") delete text.dataset.leave;
}

async function save(form, text, state) {
  if (form.dataset.busy) return;
  form.dataset.busy = "sending";
  const button = document.getElementById("save");
  button.setAttribute("aria-busy", "true");
  try { await store(form, text, state); } finally {
    if (form.dataset.busy === "sending") { delete form.dataset.busy; button.removeAttribute("aria-busy"); }
  }
}

async function store(form, text, state) {
  const wrong = document.getElementById("save-wrong");
  wrong.hidden = true;
  await check(text, state);
  const wrongLines = [...state.marked].filter(([, word]) => word === "problem").map(([line]) => line);
  if (wrongLines.length) { go(text, Math.min(...wrongLines)); return; }
  const verdict = document.getElementById("verdict");
  const before = verdict.textContent;
  verdict.textContent = "Saving…";
  try {
    const edited = state.document ?? JSON.parse(text.value); // the document is there for YAML
    const id = (await storedBefore(form, state, edited)) ?? (await send(form, state, edited)).id;
    state.saved = text.value;
    form.dataset.busy = "leaving";
    location.assign(`${form.dataset.pages}/${encodeURIComponent(id)}`);
  } catch (refused) {
    if (!(refused instanceof Refused || refused instanceof SyntaxError)) throw refused;
    state.isUnsure ||= refused.status === 0;
    if (refused.status) await check(text, state); else verdict.textContent = before;
    wrong.textContent = refused.status === 0 ? "No answer came. Save again when the connection is back: it is not stored twice." : refused.message;
    wrong.hidden = false;
  }
}

function send(form, state, edited) {
  const removed = Object.entries(DEFAULTS).filter(([name]) => name in state.first && !(name in edited));
  const [method, address] = form.dataset.save.split(" ");
  return call(method, address, { ...Object.fromEntries(removed), ...edited });
}

// Where an answer was lost, what was sent may be stored. Then it is not stored a second time.
async function storedBefore(form, state, edited) {
  if (!state.isUnsure) return null;
  const [method, address] = form.dataset.save.split(" ");
  const all = address.split("/").slice(0, 3).join("/");
  const ids = method === "PUT" ? [address.slice(all.length + 1)] : (await call("GET", `${all}?${new URLSearchParams({ search: edited.name, limit: 20 })}`)).map(({ id }) => encodeURIComponent(id));
  for (const id of ids) {
    const stored = await call("GET", `${all}/${id}`);
    if (stored.updatedAt > form.dataset.since && Object.entries(edited).every(([name, value]) => same(value, stored[name]))) return stored.id;
  }
  state.isUnsure = false;
  return null;
}

function same(one, other) {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]));
}
