// What a form says, as the body of a request.
import { Refused } from "./api.js";

// The values as JSON, each of its type; empty ones are left out. A file makes it a form. A document is
// the whole body, or what of it has no field of its own.
export function gather(form, submitter) {
  const files = "edits" in form.dataset ? [] : chosenFiles(form);
  const isStart = form.id === "start";
  const body = isStart ? { data: {} } : {};
  const sent = new FormData();
  for (const item of form.elements) {
    if (!item.name || item.type === "file" || (item.type === "submit" && item !== submitter)) continue;
    const text = item.value;
    if (text === "" && item.dataset.type !== "list") {
      if (isCleared(item)) { if (files.length) sent.set(item.name.replace(/^data\./, ""), ""); else put(body, item.name, null); }
      continue;
    }
    if (item.dataset.type === "document") { Object.assign(body, valueOf(item, text)); continue; }
    if (files.length) sent.set(item.name.replace(/^data\./, ""), text);
    else if ("inside" in item.dataset) putInside(body, item.name, valueOf(item, text));
    else put(body, item.name, valueOf(item, text));
  }
  for (const item of files) for (const file of item.files) sent.append(item.name.replace(/^data\./, ""), file);
  if (!files.length && body.type === "collect_inputs") body.data ??= {};
  return files.length ? sent : body;
}

export function chosenFiles(form) {
  return [...form.elements].filter((item) => item.type === "file" && item.files.length);
}

// A field that may be empty and began with a value: without a word, it would keep that.
function isCleared(item) {
  if (!item.name.startsWith("data.") || "inside" in item.dataset || item.required) return false;
  return item.options ? [...item.options].some((option) => option.defaultSelected && option.value) : item.defaultValue !== "";
}

function valueOf(item, text) {
  switch (item.dataset.type) {
    case "number": case "integer": return Number(text);
    case "boolean": return text === "true";
    case "list": {
      const items = text.split(",").map((part) => part.trim()).filter(Boolean);
      return items.length || !("nullable" in item.dataset) ? items : null;
    }
    case "json": case "document": case "object": case "array":
      try { return JSON.parse(text); } catch (wrong) {
        throw new Refused(400, { message: "One field is not acceptable.", details: [{ path: item.name, message: `is not JSON: ${wrong.message}` }] });
      }
    default: return text;
  }
}

function put(body, name, value) {
  const dot = name.indexOf(".");
  if (dot < 0) { body[name] = value; return; }
  body[name.slice(0, dot)] ??= {};
  body[name.slice(0, dot)][name.slice(dot + 1)] = value;
}

// A part of a list or an object, such as `data.lines[0].sum`; what it stands in is made on the way.
function putInside(body, name, value) {
  const keys = [...name.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, key, index]) => key ?? Number(index));
  let place = body;
  keys.slice(0, -1).forEach((key, at) => { place = place[key] ??= typeof keys[at + 1] === "number" ? [] : {}; });
  place[keys.at(-1)] = value;
}
