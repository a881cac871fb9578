// Rows of a list that grows at its top: each changes in its place, and none moves under the pointer.
import { close, isOfFold } from "./fold.js";
import { isAimed, offer } from "./news.js";

// Puts in what has changed; false where there is no table on one side, and so no rows to keep.
export function mergeRows(region, fresh) {
  const body = region.querySelector("tbody");
  const wanted = [...fresh.querySelectorAll("tbody > tr")];
  if (!body || !wanted.length) return false;
  const twins = new Map(wanted.map((row) => [row.id, row]));
  const rows = [...body.children].filter((row) => !isOfFold(row));
  for (const row of rows) renew(row, twins.get(row.id));
  const known = new Map(rows.map((row) => [row.id, row]));
  const news = wanted.filter((row) => !known.has(row.id));
  const show = () => { order(body, wanted, known); swapMore(region, fresh); };
  const isHeld = (news.length > 0 || rows.some((row) => "gone" in row.dataset)) && isAimed(region);
  if (!isHeld) show();
  offer(region, isHeld ? news : [], show);
  return true;
}

// A row that is not in the list any more stays, pale, while somebody aims at what is below it.
function renew(row, twin) {
  if (!twin) { row.dataset.gone = ""; return; }
  delete row.dataset.gone;
  for (const [index, cell] of [...row.cells].entries()) {
    if (cell.innerHTML === twin.cells[index].innerHTML || cell.querySelector("[aria-expanded=true]")) continue;
    cell.className = twin.cells[index].className;
    cell.title = twin.cells[index].title;
    if (cell.textContent !== twin.cells[index].textContent && !cell.querySelector("time")) flash(cell);
    cell.replaceChildren(...[...twin.cells[index].cloneNode(true).childNodes].map((node) => document.adoptNode(node)));
  }
}

// What has changed is lit up for a moment.
function flash(cell) {
  cell.classList.add("changed");
  cell.addEventListener("animationend", () => cell.classList.remove("changed"), { once: true });
}

// Only what is new is put in, so that what has the focus keeps it.
function order(body, wanted, known) {
  for (const row of body.querySelectorAll("[data-gone]")) { close(row); row.remove(); }
  let at = body.firstElementChild;
  for (const item of wanted) {
    while (at && isOfFold(at)) at = at.nextElementSibling;
    const row = known.get(item.id) ?? document.adoptNode(item);
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
}

function swapMore(region, fresh) {
  const old = region.querySelector(".more");
  const more = fresh.querySelector(".more");
  if (old?.outerHTML === more?.outerHTML) return;
  old?.remove();
  if (more) region.append(document.adoptNode(more));
}
