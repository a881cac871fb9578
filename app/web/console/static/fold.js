// Child runs open in place, under the run that started them.
import { showTimes } from "./times.js";

export function startFolds() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-fold]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const row = link.closest("tr");
    if (link.getAttribute("aria-expanded") === "true") close(row);
    else open(link, row);
  });
}

export function isOfFold(row) {
  return row.classList.contains("child");
}

export function close(row) {
  row.querySelector("[data-fold]")?.setAttribute("aria-expanded", "false");
  while (row.nextElementSibling && isOfFold(row.nextElementSibling)) row.nextElementSibling.remove();
}

async function open(link, row) {
  link.setAttribute("aria-expanded", "true");
  const address = new URL(link.href);
  const columns = new URLSearchParams(location.search).getAll("columns");
  if (columns.length) address.searchParams.set("columns", columns.join(","));
  const wait = skeleton(row.cells.length);
  row.after(wait);
  const answer = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  wait.remove();
  if (!answer?.ok || answer.redirected) { location.assign(link.href); return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  showTimes(page);
  if (link.getAttribute("aria-expanded") !== "true") return;
  const found = [...page.querySelectorAll("#runs tbody > tr")];
  const width = row.cells.length;
  const rows = found.map((one) => child(one, row));
  if (page.querySelector("#runs .more")) rows.push(rest(link, width));
  row.after(...rows);
}

// Stands where the rows come, until they do.
function skeleton(width) {
  const row = document.createElement("tr");
  row.className = "child skeleton";
  row.setAttribute("aria-hidden", "true");
  row.insertCell().colSpan = width;
  return row;
}

// What is ticked is done to what is ticked: a child run is stopped from its own page.
function child(one, row) {
  const made = document.adoptNode(one);
  made.className = "child";
  made.removeAttribute("id");
  const tick = made.querySelector(".tick");
  if (row.querySelector(".tick")) tick?.replaceChildren();
  else tick?.remove();
  if (!tick && row.querySelector(".tick")) made.prepend(document.createElement("td"));
  return made;
}

function rest(link, width) {
  const row = document.createElement("tr");
  row.className = "child";
  const cell = row.insertCell();
  cell.colSpan = width;
  const all = document.createElement("a");
  all.href = link.href;
  all.textContent = "All child runs";
  cell.append(all);
  return row;
}
