// Rows of a list in a form: they are added and removed, and numbered from 0 on.
export function startRows() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-row]");
    if (!button) return;
    if (button.dataset.row === "remove") remove(button.closest(".entry"));
    else add(button.closest("fieldset"));
  });
}

function add(field) {
  const list = field.querySelector(":scope > .rows");
  const row = field.querySelector(":scope > template").content.firstElementChild.cloneNode(true);
  rename(row, `[#${list.dataset.depth}]`, `[${list.children.length}]`);
  const legend = row.querySelector(":scope > .field > :is(legend, label)");
  number(legend, `[#${list.dataset.depth}]`, list.children.length);
  list.append(row);
  row.querySelector("input:not([type=hidden]),select,textarea")?.focus();
}

function remove(row) {
  const list = row.parentElement;
  const at = [...list.children].indexOf(row);
  row.remove();
  for (let index = at; index < list.children.length; index += 1) {
    const later = list.children[index];
    rename(later, `${list.dataset.rows}[${index + 1}]`, `${list.dataset.rows}[${index}]`);
    number(later.querySelector(":scope > .field > :is(legend, label)"), String(index + 2), index);
  }
  (list.children[at] ?? list.parentElement).querySelector("button")?.focus();
}

function number(heading, before, index) {
  const text = heading?.firstChild;
  if (text?.nodeValue?.trim() === before) text.nodeValue = `${index + 1}`;
}

// Names stand in several attributes, also of templates within.
function rename(root, before, after) {
  for (const item of [root, ...root.querySelectorAll("*")]) {
    for (const { name, value } of [...item.attributes]) {
      if (value.includes(before)) item.setAttribute(name, value.replaceAll(before, after));
    }
    if (item instanceof HTMLTemplateElement) rename(item.content.firstElementChild, before, after);
  }
}
