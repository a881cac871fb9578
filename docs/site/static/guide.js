// What the theme leaves out for readers who use the keyboard or listen.
for (const block of document.querySelectorAll("pre, .table-wrapper")) block.tabIndex = 0;
for (const caption of document.querySelectorAll(".caption[role=heading]")) {
  caption.setAttribute("aria-level", "2");
}
