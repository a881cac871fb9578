// One selection in picture, rows and inspector, and in the address: a link without a new page.
import { say } from "./api.js";
import { refresh } from "./live.js";

export function startSelecting() {
  if (!document.querySelector("[data-live-graph], #inspector")) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-select], a[data-explain]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.getAttribute("href"), link.hasAttribute("data-explain"));
  });
  window.addEventListener("popstate", () => { refresh(); });
}

async function go(address, isExplained) {
  history.pushState(null, "", address);
  document.getElementById("inspector")?.setAttribute("aria-busy", "true");
  const fresh = await refresh().finally(() => document.getElementById("inspector")?.removeAttribute("aria-busy"));
  if (!fresh) { say("The server does not answer, so this could not be shown. Try again."); return; }
  if (!isExplained && !address.includes("#inspector")) return;
  const inspector = document.getElementById("inspector");
  const panel = inspector.parentElement;
  if (isExplained || panel.scrollHeight > panel.clientHeight) panel.scrollTop = 0;
  const { top } = panel.getBoundingClientRect();
  if (top < 0 || top > window.innerHeight * 0.8) panel.scrollIntoView({ block: "start" });
}
