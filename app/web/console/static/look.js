// The look of this browser: applied at once, and kept in a cookie, so that the next page comes so.
const YEAR_S = 31_536_000;

export function startLook() {
  // On a phone the menus are rows to be moved sideways: what is open stands in sight.
  for (const here of document.querySelectorAll("nav [aria-current=page]")) {
    const menu = here.closest("nav");
    const [place, frame] = [here.getBoundingClientRect(), menu.getBoundingClientRect()];
    if (menu.scrollWidth > menu.clientWidth) menu.scrollLeft += place.left + place.width / 2 - frame.left - frame.width / 2;
  }
  const form = document.querySelector("form[data-look]");
  form?.addEventListener("change", () => {
    const { theme, density } = Object.fromEntries(new FormData(form));
    const root = document.documentElement;
    set(root, "theme", theme);
    set(root, "density", density);
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `stepwell_look=${theme}.${density}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
  });
}

function set(root, name, value) {
  if (value) root.dataset[name] = value;
  else delete root.dataset[name];
}
