// Moments in the reader's zone; the exact one is shown on hover and read out.
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function startTimes() {
  showTimes(document);
  setInterval(() => showTimes(document), 10_000);
  setInterval(() => showTimes(document, "time[data-counting]"), 1_000);
}

export function showTimes(root, which = "time[datetime]") {
  for (const element of root.querySelectorAll(which)) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = "counting" in element.dataset ? passed(Date.now() - moment.getTime()) : "clock" in element.dataset ? onClock(moment) : shown(moment);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact.format(moment);
  }
}

// How long ago or from now on, within a week; else the date.
function shown(moment) {
  const seconds = Math.round((moment.getTime() - Date.now()) / 1_000);
  const size = Math.abs(seconds);
  if (size < 60) return relative.format(seconds, "second");
  if (size < 3_600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return relative.format(Math.round(seconds / 3_600), "hour");
  if (size < 604_800) return relative.format(Math.round(seconds / 86_400), "day");
  return short.format(moment);
}

// On an axis: the time of the day, and the day where that is another.
function onClock(moment) {
  return Date.now() - moment.getTime() < 86_400_000 ? clock.format(moment) : day.format(moment);
}

// How long something in progress has taken so far, in the form that the server uses for finished ones.
function passed(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  for (const [limit, unit, word] of [[3_600, 60, "min"], [86_400, 3_600, "h"]]) {
    if (seconds < limit) return `${(seconds / unit).toFixed(1).replace(".0", "")} ${word}`;
  }
  return `${(seconds / 86_400).toFixed(1)} days`;
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
