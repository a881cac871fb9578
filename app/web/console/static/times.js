// Moments in the reader's zone; the exact one is shown on hover and read out.
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const isToday = moment.toDateString() === new Date().toDateString();
    const text = (isToday ? today : short).format(moment);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact.format(moment);
  }
}

// A field for a moment is in the reader's zone; what is sent stands beside it, with the zone.
export function startMoments() {
  for (const field of document.querySelectorAll("[data-moment]")) {
    const sent = field.parentElement.querySelector('input[type="hidden"]');
    const moment = new Date(sent.value);
    if (sent.value && !Number.isNaN(moment.getTime())) {
      field.value = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    }
    field.addEventListener("change", () => { sent.value = field.value ? new Date(field.value).toISOString() : ""; });
    field.form.addEventListener("submit", () => { sent.disabled = !sent.value; });
  }
}
