// What must happen once: the key with which a form is sent, and again when its answer was lost.
const keys = new WeakMap();

export function keyOf(form) {
  if (!("once" in form.dataset)) return null;
  if (!keys.has(form)) keys.set(form, newKey());
  return keys.get(form);
}

export function forget(form) {
  keys.delete(form);
}

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
