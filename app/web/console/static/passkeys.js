// Passkeys: a button of a form makes one, or signs in with one, and sends the form with it.
import { say } from "./api.js";

export function startPasskeys() {
  const can = window.PublicKeyCredential?.parseCreationOptionsFromJSON && window.isSecureContext;
  for (const button of document.querySelectorAll("[data-passkey]")) {
    if (!can) continue;
    button.closest("[data-passkeys]").hidden = false;
    button.addEventListener("click", () => use(button).catch((failed) => tell(button, failed)));
  }
}

async function use(button) {
  const form = button.form;
  for (const name of (button.dataset.needs ?? "").split(" ").filter(Boolean)) {
    if (!form.elements[name].reportValidity()) return;
  }
  button.setAttribute("aria-busy", "true");
  try {
    const purpose = button.dataset.passkey;
    const { options, challenge } = await ask(purpose, form.elements.name?.value ?? button.dataset.name ?? "");
    const made = purpose === "new"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    form.elements.passkey.value = JSON.stringify(made.toJSON());
    form.elements.challenge.value = challenge;
    if (form.dataset.api) form.requestSubmit(); else form.submit();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function ask(purpose, name) {
  const answer = await fetch("/passkeys/challenge", { method: "POST", body: new URLSearchParams({ for: purpose, name }) });
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.message);
  return document;
}

// Who closes the device's own window has changed their mind; all else is shown.
function tell(button, failed) {
  if (failed.name === "NotAllowedError" || failed.name === "AbortError") return;
  const place = button.closest("[data-passkeys]").querySelector("[role=alert]");
  if (!place) { say(failed.message); return; }
  place.textContent = failed.message;
  place.hidden = false;
}
