// What a program does with the client that orval makes.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import * as api from "./generated/orval";

const { STEPWELL_KEY, STEPWELL_TENANT } = process.env as Record<string, string>;
const who = { "x-api-key": STEPWELL_KEY, "x-tenant-id": STEPWELL_TENANT };
const asks = { headers: who };
// Where a call takes JSON or a form, orval leaves it to the caller to say which is sent.
const asJson = { "Content-Type": "application/json" };

async function seen(runId: string, status: api.RunStatus): Promise<api.RunState> {
  for (let look = 0; look < 1200; look++) {
    const { data, status: code } = await api.getRun(runId, undefined, asks);
    assert.equal(code, 200, JSON.stringify(data));
    if ("runId" in data && data.status === status) return data;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`run ${runId} is never ${status}`);
}

const written = JSON.parse(readFileSync(process.argv[2], "utf8")) as api.WorkflowDocument;
const made = await api.createWorkflow({ ...written, id: "orval" }, asks);
assert.equal(made.status, 201, JSON.stringify(made.data));
const { id, version } = made.data as api.StoredWorkflow;
assert.equal((await api.publishWorkflow(id, { version }, asks)).status, 200);
const shown = (await api.getWorkflow(id, undefined, asks)).data as api.StoredWorkflow;
const changed = (await api.updateWorkflow(id, shown, asks)).data as api.StoredWorkflow;
assert.deepEqual([changed.version, changed.steps], ["1.0.1", written.steps]);
const listed = await api.listWorkflows({ includeArchived: true }, asks);
assert.ok((listed.data as api.DefinitionLine[]).some((line) => line.id === id));

const paper = new File(["on paper"], "paper.txt", { type: "text/plain" });
const uploaded = await api.uploadFile({ attachment: paper }, asks);
assert.equal(uploaded.status, 201, JSON.stringify(uploaded.data));
const file = uploaded.data as api.StoredFile;
// Its calls read every answer as JSON, so a file is fetched from the address that it makes.
const kept = await fetch(api.getDownloadFileUrl(file.fileId), asks);
assert.equal(await kept.text(), "on paper");

const started = await api.startRun(id, { data: { name: "Ada" } }, undefined, {
  headers: { ...who, ...asJson, "Idempotency-Key": "orval", Prefer: "wait=5" },
});
const { runId } = started.data as api.RunOutcome;
const asked = (await seen(runId, "paused")).pauseSignal;
const answers: api.ResumeBody[] = [
  { type: "collect_inputs", data: { paper: file.fileId }, pauseId: asked?.pauseId },
  { type: "request_user_action", actionId: "act", actionValue: "approved" },
];
for (const answer of answers) {
  await seen(runId, "paused");
  const taken = await api.resumeRun(runId, answer, { headers: { ...who, ...asJson } });
  assert.equal(taken.status, 200, JSON.stringify(taken.data));
}
assert.deepEqual((await seen(runId, "completed")).result, { greeting: "Hello, Ada!" });
const page = (await api.listRuns({ limit: 10 }, asks)).data as api.RunPage;
assert.ok(page.runs.some((line) => line.runId === runId));
console.log("walked");
