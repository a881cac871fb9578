// What is done with many runs: counted, confirmed in numbers, then part by part.
import { Refused, call } from "./api.js";
import { newKey } from "./once.js";

const PART = 200;
const PATIENCE = 20;
const ADDRESS = "/api/workflow/management/bulk";
const WORDS = {
  cancel: { title: "Cancel runs", go: "Cancel", done: "asked to stop", fits: "not ended", effect: "The steps in flight are asked to stop, and clean-up steps run. Child runs are cancelled with their parents." },
  terminate: { title: "Terminate runs", go: "Terminate", done: "ended", fits: "not ended", effect: "They end at once, whatever they are doing. Clean-up steps do not run." },
  hold: { title: "Hold runs", go: "Hold", done: "held", fits: "not ended", effect: "Steps at work end; then no step and no attempt begins until the runs are released." },
  release: { title: "Release runs", go: "Release", done: "released", fits: "not ended", effect: "Held runs continue where they are; the others do not change." },
  tryNow: { title: "Try now", go: "Try now:", done: "tried", fits: "not ended", effect: "Steps that wait for their next attempt are tried now, and sleeps are over; the others are left alone." },
  giveUp: { title: "Give up", go: "Give up:", done: "told to fail the step", fits: "not ended", effect: "Steps that wait for their next attempt fail, and so do those that sleep; the others are left alone." },
  rerun: { title: "Run again", go: "Run again:", done: "run again", fits: "ended", effect: "A new run each. What the steps before did is not done again. Child runs come with their parents." },
  delete: { title: "Delete runs", go: "Delete", done: "deleted", fits: "ended", effect: "They and their child runs are gone for good, with all that is known of them. Child runs cannot be deleted by themselves." },
};
const LEFT_ALONE = {
  delete: "a child run has not ended, or somebody else was faster", rerun: "nothing in them has failed",
  hold: "held already, or ended in the meantime", release: "not held", tryNow: "waiting for neither an attempt nor a moment", giveUp: "waiting for neither an attempt nor a moment",
};
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function startBulk() {
  const bar = document.querySelector("[data-bulk]");
  if (!bar) return;
  const ticked = new Set();
  const whole = document.querySelector("[data-bulk-all]");
  const isWhole = () => whole.getAttribute("aria-expanded") === "true";
  const show = () => showTicks(bar, ticked, whole);
  whole.addEventListener("click", () => { whole.setAttribute("aria-expanded", String(!isWhole())); show(); });
  document.addEventListener("change", (event) => {
    const item = event.target;
    if (item.matches("[data-tick-all]")) for (const box of boxes()) mark(ticked, box.dataset.tick, item.checked);
    else if (item.matches("[data-tick]")) mark(ticked, item.dataset.tick, item.checked);
    else return;
    show();
  });
  document.addEventListener("refreshed", show);
  bar.addEventListener("click", (event) => {
    const action = event.target.closest("[data-bulk-action]")?.dataset.bulkAction;
    if (action) open(action, { ...JSON.parse(bar.dataset.filter), ...(ticked.size ? { runIds: [...ticked] } : {}) });
  });
  startDialog();
  show();
  // An address may name what is to be done, such as `/runs#hold` in the search.
  const named = whole.hidden || !Object.hasOwn(WORDS, location.hash.slice(1)) ? null : bar.querySelector(`[data-bulk-action="${location.hash.slice(1)}"]`);
  if (named) { whole.click(); history.replaceState(null, "", location.pathname + location.search); named.click(); }
}

function boxes() {
  return [...document.querySelectorAll("[data-tick]")];
}

function mark(ticked, id, on) {
  if (on) ticked.add(id); else ticked.delete(id);
}

// What is no longer on the page is no longer ticked: nobody sees it.
function showTicks(bar, ticked, wholeButton) {
  const here = boxes();
  const ids = new Set(here.map((box) => box.dataset.tick));
  for (const id of [...ticked]) if (!ids.has(id)) ticked.delete(id);
  for (const box of here) box.checked = ticked.has(box.dataset.tick);
  const all = document.querySelector("[data-tick-all]");
  if (all) {
    all.checked = ticked.size > 0 && ticked.size === here.length;
    all.indeterminate = ticked.size > 0 && ticked.size < here.length;
  }
  const whole = bar.dataset.filter === "{}" ? "With all runs:" : "With all that match:";
  const text = ticked.size ? `With the ${ticked.size} ticked:` : whole;
  wholeButton.hidden = !here.length;
  bar.hidden = wholeButton.hidden || !(ticked.size || wholeButton.getAttribute("aria-expanded") === "true");
  const scope = bar.querySelector("[data-scope]");
  if (scope.textContent !== text) scope.textContent = text;
}

const work = { action: "", filter: {}, count: 0, cursor: null, state: "closed" };

async function open(action, filter) {
  Object.assign(work, { action, filter, count: 0, cursor: null, state: "counting", rerun: null, sum: { changed: 0, skipped: 0, failed: 0 } });
  const words = WORDS[action];
  const { dialog, what, effect, typed, reason, wrong, failures, go, leave } = parts();
  dialog.querySelector("[data-asking]").hidden = false;
  dialog.querySelector("[data-working]").hidden = true;
  document.getElementById("bulk-title").textContent = words.title;
  what.textContent = "Counting…";
  effect.textContent = words.effect;
  typed.value = "";
  reason.value = "";
  wrong.hidden = failures.hidden = true;
  failures.replaceChildren();
  reason.parentElement.hidden = action === "delete";
  dialog.querySelector("[data-rerun-how]").hidden = action !== "rerun";
  typed.parentElement.hidden = !mustType();
  go.hidden = false;
  go.disabled = true;
  go.textContent = words.go;
  leave.textContent = ["cancel", "terminate", "delete"].includes(action) ? "Keep them" : "Close";
  dialog.showModal();
  leave.focus();
  try {
    const found = await call("POST", ADDRESS, { action, filter, dryRun: true });
    if (work.state !== "counting") return;
    Object.assign(work, { count: found.matched, cursor: found.cursor, state: "asking" });
    what.textContent = meant();
    go.textContent = `${words.go} ${runs(work.count)}`;
    document.getElementById("bulk-number").textContent = `Type ${work.count} to confirm`;
    if (!work.count) { go.hidden = true; leave.textContent = "Close"; dialog.querySelector("[data-asking]").hidden = true; }
    ready();
    if (work.count) (mustType() ? typed : leave).focus();
  } catch (refused) { fail(refused); }
}

function how() {
  const version = document.getElementById("bulk-version").value.trim();
  return { operation: newKey(), from: document.getElementById("bulk-from").value, ...(version ? { version } : {}) };
}

function mustType() {
  return work.action === "delete" || !work.filter.runIds;
}

function meant() {
  const { status, workflowId, parentRunId, since, until, runIds, stepId, errorType, startedBy, longerThan, shorterThan, text, label, topLevel, waitingFor } = work.filter;
  const { fits } = WORDS[work.action];
  if (runIds && !work.count) return `None of the ${runIds.length} ticked can be meant: this is for runs that have ${fits}${work.action === "delete" ? " and are no child runs" : ""}.`;
  if (runIds) {
    const others = runIds.length - work.count;
    if (!others) return `The ${runs(work.count)} ticked ${work.count === 1 ? "has" : "have"} ${fits}.`;
    return `${runs(work.count)} of the ${runIds.length} ticked ${work.count === 1 ? "has" : "have"} ${fits}. The other ${others === 1 ? "one is" : `${others} are`} left alone.`;
  }
  const parts = [
    text && `with “${text}”`, label && `label ${label}`, topLevel && "no child runs", waitingFor && `waiting for ${waitingFor === "retry" ? "the next attempt" : "a point in time"}`, status && `status ${status}`, workflowId && `workflow ${workflowId}`, parentRunId && `started by run ${parentRunId.replace("dynamic-workflow-", "")}`,
    stepId && `in step ${stepId}`, errorType && `failed with ${errorType}`, startedBy && `started by ${startedBy}`,
    longerThan && `took at least ${longerThan}`, shorterThan && `took less than ${shorterThan}`,
    since && `started from ${moment.format(new Date(since))}`, until && `started before ${moment.format(new Date(until))}`,
  ].filter(Boolean);
  const has = work.count === 1 ? "has" : "have";
  if (parts.length) return `${runs(work.count)} ${work.count === 1 ? "matches" : "match"} the filter (${parts.join(", ")}) and ${has} ${fits}.`;
  return `There is no filter: this means every run of ${document.querySelector("[data-bulk]").dataset.tenant} that has ${fits}, ${runs(work.count)} in all.`;
}

function runs(count) {
  return `${count.toLocaleString()} ${count === 1 ? "run" : "runs"}`;
}

function ready() {
  const { typed, go } = parts();
  go.disabled = work.state !== "asking" || !work.count || (mustType() && typed.value.replace(/\D/g, "") !== String(work.count));
}

function startDialog() {
  const { dialog, form, typed, leave } = parts();
  typed.addEventListener("input", ready);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ready();
    if (!parts().go.disabled) carryOut();
  });
  leave.addEventListener("click", () => {
    if (work.state === "working") { work.state = "stopping"; leave.textContent = "Stopping…"; } else if (work.state !== "stopping") dialog.close();
  });
  dialog.addEventListener("cancel", (event) => { if (work.state === "working" || work.state === "stopping") event.preventDefault(); });
  dialog.addEventListener("close", () => {
    const changed = work.sum?.changed;
    work.state = "closed";
    if (changed) location.reload();
  });
  window.addEventListener("beforeunload", (event) => { if (work.state === "working") event.preventDefault(); });
}

async function carryOut() {
  const { dialog, reason, go, leave, wrong } = parts();
  work.state = "working";
  dialog.querySelector("[data-asking]").hidden = true;
  dialog.querySelector("[data-working]").hidden = false;
  go.hidden = true;
  wrong.hidden = true;
  leave.textContent = "Stop here";
  leave.focus();
  progress();
  // Each run is run again once for this name, however often a part has to be asked for.
  if (work.action === "rerun") work.rerun ??= how();
  const body = { action: work.action, filter: work.filter, limit: PART, ...(work.rerun ? { rerun: work.rerun } : {}), ...(reason.value && work.action !== "delete" ? { reason: reason.value } : {}) };
  try {
    while (work.cursor !== null && work.state === "working") {
      const answer = await patiently({ ...body, cursor: work.cursor });
      for (const name of Object.keys(work.sum)) work.sum[name] += answer[name];
      list(answer.failures);
      work.cursor = answer.nextCursor;
      progress();
    }
    finish();
  } catch (refused) { fail(refused); }
}

// A server that is busy says when to come again. Asking twice does no harm.
async function patiently(body) {
  for (let tries = 1; ; tries += 1) {
    try { return await call("POST", ADDRESS, body); } catch (refused) {
      const isBusy = refused instanceof Refused && [429, 503].includes(refused.status);
      if (!isBusy || tries === PATIENCE || work.state !== "working") throw refused;
      document.getElementById("bulk-done").textContent = `${sofar()} The server is busy; this continues by itself.`;
      await new Promise((resolve) => { setTimeout(resolve, 1000 * (refused.wait || 1)); });
    }
  }
}

function sofar() {
  const { changed, skipped, failed } = work.sum;
  return `${(changed + skipped + failed).toLocaleString()} of ${runs(work.count)}.`;
}

function progress() {
  const { changed, skipped, failed } = work.sum;
  const bar = document.getElementById("bulk-progress");
  bar.max = Math.max(work.count, 1);
  bar.value = changed + skipped + failed;
  document.getElementById("bulk-done").textContent = sofar();
}

function finish() {
  const { dialog, what, effect, leave } = parts();
  const { changed, skipped, failed } = work.sum;
  const wasStopped = work.cursor !== null;
  work.state = "done";
  dialog.querySelector("[data-working]").hidden = !wasStopped;
  what.textContent = [
    `${runs(changed)} ${changed === 1 ? "was" : "were"} ${WORDS[work.action].done}.`,
    skipped && `${runs(skipped)} ${skipped === 1 ? "was" : "were"} left alone: ${LEFT_ALONE[work.action] ?? "ended by themselves in the meantime"}.`,
    failed && `With ${runs(failed)} it could not be done.`,
    wasStopped && "You stopped before the end; the others are as they were.",
  ].filter(Boolean).join(" ");
  effect.textContent = "";
  leave.textContent = "Close";
  leave.focus();
}

function list(failures) {
  const place = parts().failures;
  for (const { runId, message } of failures) {
    if (place.children.length === 50) break;
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `/runs/${encodeURIComponent(runId)}`;
    link.textContent = runId.replace("dynamic-workflow-", "");
    item.append(link, ` ${message}`);
    place.append(item);
  }
  place.hidden = !place.children.length;
}

// What was done is done; "Go on" takes up the rest.
function fail(refused) {
  if (!(refused instanceof Refused)) throw refused;
  const { go, leave, wrong } = parts();
  wrong.textContent = refused.details.map(({ path, message }) => `${path} ${message}`).join("; ") || refused.message;
  wrong.hidden = false;
  leave.textContent = "Close";
  const isHalf = work.state === "working" || work.state === "stopping";
  work.state = isHalf ? "asking" : "failed";
  go.hidden = !isHalf;
  go.disabled = !isHalf;
  if (isHalf) { go.textContent = "Go on"; go.focus(); } else leave.focus();
}

function parts() {
  const byId = (id) => document.getElementById(`bulk-${id}`);
  const dialog = document.getElementById("bulk");
  return {
    dialog, form: dialog.querySelector("form"), what: byId("what"), effect: byId("effect"), typed: byId("typed"),
    reason: byId("reason"), wrong: byId("wrong"), failures: byId("failures"), go: byId("go"), leave: byId("leave"),
  };
}
