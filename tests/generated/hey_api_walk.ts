// What a program does with the client that hey-api makes.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { client } from "./generated/hey/client.gen";
import * as api from "./generated/hey";

const { STEPWELL_URL, STEPWELL_KEY, STEPWELL_TENANT } = process.env as Record<string, string>;
client.setConfig({
  baseUrl: STEPWELL_URL,
  headers: { "x-api-key": STEPWELL_KEY, "x-tenant-id": STEPWELL_TENANT },
  throwOnError: true,
});
const throwOnError = true;

async function seen(runId: string, status: api.RunStatus): Promise<api.RunState> {
  for (let look = 0; look < 1200; look++) {
    const { data } = await api.getRun({ path: { runId }, throwOnError });
    if (data.status === status) return data;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`run ${runId} is never ${status}`);
}

const written = JSON.parse(readFileSync(process.argv[2], "utf8")) as api.WorkflowDocument;
const made = await api.createWorkflow({ body: { ...written, id: "hey-api" }, throwOnError });
const path = { id: made.data.id };
const version = made.data.version;
await api.publishWorkflow({ path, body: { version }, throwOnError });
const shown = await api.getWorkflow({ path, throwOnError });
const changed = await api.updateWorkflow({ path, body: shown.data, throwOnError });
assert.deepEqual([changed.data.version, changed.data.steps], ["1.0.1", written.steps]);
const listed = await api.listWorkflows({ query: { includeArchived: true }, throwOnError });
assert.ok(listed.data.some((line) => line.id === path.id));

const attachment = new File(["on paper"], "paper.txt", { type: "text/plain" });
const { data: file } = await api.uploadFile({ body: { attachment }, throwOnError });
const kept = await api.downloadFile({
  path: { fileId: file.fileId },
  parseAs: "blob",
  throwOnError,
});
// A file that is JSON may be taken as such, so the type leaves it open.
assert.equal(await (kept.data as Blob).text(), "on paper");

const { data: run } = await api.startRun({
  path: { workflowId: path.id },
  headers: { "Idempotency-Key": "hey-api", Prefer: "wait=5" },
  body: { data: { name: "Ada" } },
  throwOnError,
});
const { runId } = run;
const asked = (await seen(runId, "paused")).pauseSignal;
const answers: api.ResumeBody[] = [
  { type: "collect_inputs", data: { paper: file.fileId }, pauseId: asked?.pauseId },
  { type: "request_user_action", actionId: "act", actionValue: "approved" },
];
for (const body of answers) {
  await seen(runId, "paused");
  await api.resumeRun({ path: { runId }, body, throwOnError });
}
assert.deepEqual((await seen(runId, "completed")).result, { greeting: "Hello, Ada!" });
const page = await api.listRuns({ query: { limit: 10 }, throwOnError });
assert.ok(page.data.runs.some((line) => line.runId === runId));

const { stream } = await api.streamRunEvents({ path: { runId } });
const types: string[] = [];
for await (const event of stream) types.push((event as unknown as { type: string }).type);
assert.ok(types.includes("run.completed"), types.join());
console.log("walked");
