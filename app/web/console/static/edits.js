// Forms that change the data of a run: their fields come when the form is opened, and only what was
// changed is sent.
import { Refused, call } from "./api.js";
import { chosenFiles, gather } from "./gather.js";

const loads = new WeakMap();
const before = new WeakMap();
const uploads = new WeakMap();

export function begin(form) {
  if (!loads.has(form)) renewFields(form, false);
  return loads.get(form);
}

// Another step has other data. Another version may have other fields: what was written stays.
export function renewFields(form, keeps) {
  const loading = load(form, keeps, () => loads.get(form) === loading);
  loads.set(form, loading);
}

async function load(form, keeps, isLast) {
  const place = form.querySelector("[data-fields]");
  if (!place.children.length) place.append(note("quiet", "Loading the fields…"));
  const asked = keys(form).filter((item) => item.value).map(({ name, value }) => `&${name}=${encodeURIComponent(value)}`);
  try {
    const { shown } = await call("GET", place.dataset.fields + asked.join(""));
    if (!isLast()) return;
    const written = keeps ? writtenIn(form) : null;
    place.innerHTML = shown;
    before.set(form, values(gather(form)));
    if (written) bringBack(form, written);
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    if (!isLast() || before.has(form)) return;
    loads.delete(form);
    place.replaceChildren(note("wrong", refused.message));
  }
}

// What says which data is meant.
export function keys(form) {
  return [...form.querySelectorAll("[name=stepId],[name=visit],[name=version]")];
}

function note(kind, text) {
  const made = document.createElement("p");
  made.className = kind;
  made.setAttribute("role", "status");
  made.textContent = text;
  return made;
}

function writtenIn(form) {
  if (!before.has(form)) return null;
  const { data } = changesOf(form, gather(form));
  const files = chosenFiles(form).map((item) => item.name);
  const names = new Set([...Object.keys(data).map((name) => `data.${name}`), ...files]);
  const fields = [...names].map((name) => fieldOf(form, name)).filter(Boolean);
  return { fields, others: Object.entries(data).filter(([name]) => !fieldOf(form, `data.${name}`)) };
}

function bringBack(form, { fields, others }) {
  for (const field of fields) fieldOf(form, field.dataset.field)?.replaceWith(field);
  const box = form.elements.others;
  if (others.length) box.value = JSON.stringify({ ...JSON.parse(box.value), ...Object.fromEntries(others) }, null, 2);
}

function fieldOf(form, name) {
  return form.querySelector(`[data-fields] [data-field="${CSS.escape(name)}"]`);
}

// The body of a form's request. Where the fields have not come, none of them was changed.
export async function bodyOf(form, submitter) {
  if (!("edits" in form.dataset)) return gather(form, submitter);
  await loads.get(form);
  const body = gather(form, submitter);
  const { others, ...rest } = body;
  if (others !== undefined && !isObject(others) && (form.dataset.edits !== "output" || rest.output)) throw refusal("is not a JSON object");
  const files = await storedFiles(form);
  if (form.dataset.edits === "output") return { ...rest, output: isObject(others) || others === undefined ? { ...others, ...rest.output, ...files } : others };
  const changes = changesOf(form, body);
  return { ...rest, ...changes, data: { ...changes.data, ...files } };
}

// What was emptied or taken out is removed; a rerun can only leave a field blank.
function changesOf(form, body) {
  const was = before.get(form);
  if (!was) return { data: {} };
  const now = values(body);
  const data = Object.fromEntries(Object.entries(now).filter(([name, value]) => plain(value) !== plain(was[name])));
  const gone = Object.keys(was).filter((name) => !Object.hasOwn(now, name));
  if (form.dataset.edits === "data") return { data, remove: gone };
  const kept = gone.find((name) => !fieldOf(form, `data.${name}`));
  if (kept) throw refusal(`has to keep ${kept}; its value may be null`);
  return { data: { ...data, ...Object.fromEntries(gone.map((name) => [name, null])) } };
}

// An emptied field is null in a body.
function values({ others, data }) {
  return { ...others, ...Object.fromEntries(Object.entries(data ?? {}).filter(([, value]) => value !== null)) };
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function plain(value) {
  return JSON.stringify(value, (_, item) => isObject(item) ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => one < other ? -1 : 1)) : item);
}

function refusal(message) {
  return new Refused(400, { message, details: [{ path: "others", message }] });
}

// Each file is stored once, however often the form is sent; its field then names it.
async function storedFiles(form) {
  const data = {};
  for (const item of chosenFiles(form)) {
    const [file] = item.files;
    if (!uploads.has(file)) {
      const sent = new FormData();
      sent.append("attachment", file);
      uploads.set(file, await call("POST", "/api/workflow/files", sent));
    }
    const stored = uploads.get(file);
    const name = item.name.replace(/^\w+\./, "");
    Object.assign(data, item.name === "data.attachment" ? { attachment: stored, fileId: stored.fileId } : { [name]: stored.fileId });
  }
  return data;
}
