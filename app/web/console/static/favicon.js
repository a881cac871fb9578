// The icon of the tab says how many questions wait.
const MARK = '<rect width="20" height="20" rx="5" fill="#1f4fbf"/><path fill="#fff" d="M4 5h12v2.6H4zM6 8.8h8v2.6H6zM8 12.6h4v2.6H8z"/>';

export function startFavicon() {
  const count = document.getElementById("waiting");
  const icon = document.querySelector('link[rel="icon"]');
  if (!count || !icon) return;
  const plain = icon.href;
  const show = () => { icon.href = count.hidden ? plain : counted(Number.parseInt(count.textContent, 10)); };
  new MutationObserver(show).observe(count, { childList: true, characterData: true, subtree: true, attributes: true });
  show();
}

function counted(number) {
  const text = number > 99 ? "99" : String(number);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">${MARK}` +
    '<circle cx="13.5" cy="13.5" r="6.5" fill="#c2410c"/>' +
    `<text x="13.5" y="16.4" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="${text.length > 1 ? 7.5 : 9}" fill="#fff">${text}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
