// What a program does with the types that openapi-typescript makes, by openapi-fetch.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema";

type Schemas = components["schemas"];
const { STEPWELL_URL, STEPWELL_KEY, STEPWELL_TENANT } = process.env as Record<string, string>;
const client = createClient<paths>({
  baseUrl: STEPWELL_URL,
  headers: { "x-api-key": STEPWELL_KEY, "x-tenant-id": STEPWELL_TENANT },
});

function given<T>(answer: { data?: T; error?: unknown }): T {
  assert.equal(answer.error, undefined, JSON.stringify(answer.error));
  return answer.data as T;
}

async function seen(runId: string, status: Schemas["RunStatus"]): Promise<Schemas["RunState"]> {
  for (let look = 0; look < 1200; look++) {
    const path = { runId };
    const run = given(await client.GET("/api/workflow/status/{runId}", { params: { path } }));
    if (run.status === status) return run;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`run ${runId} is never ${status}`);
}

const written = JSON.parse(readFileSync(process.argv[2], "utf8")) as Schemas["WorkflowDocument"];
const body = { ...written, id: "openapi-typescript" };
const made = given(await client.POST("/api/workflows", { body }));
const one = { params: { path: { id: made.id } } };
const version = { version: made.version };
given(await client.POST("/api/workflows/{id}/publish", { ...one, body: version }));
const shown = given(await client.GET("/api/workflows/{id}", one));
const changed = given(await client.PUT("/api/workflows/{id}", { ...one, body: shown }));
assert.deepEqual([changed.version, changed.steps], ["1.0.1", written.steps]);
const query = { includeArchived: true };
const listed = given(await client.GET("/api/workflows", { params: { query } }));
assert.ok(listed.some((line) => line.id === made.id));

const form = new FormData();
form.append("attachment", new File(["on paper"], "paper.txt", { type: "text/plain" }));
const file = given(
  await client.POST("/api/workflow/files", {
    body: { attachment: "" },
    bodySerializer: () => form,
  }),
);
const kept = await client.GET("/api/workflow/files/{fileId}", {
  params: { path: { fileId: file.fileId } },
  parseAs: "text",
});
assert.equal(given(kept), "on paper");

const run = given(
  await client.POST("/api/workflow/start/{workflowId}", {
    params: {
      path: { workflowId: made.id },
      header: { "Idempotency-Key": "openapi-typescript", Prefer: "wait=5" },
    },
    body: { data: { name: "Ada" } },
  }),
);
const asked = (await seen(run.runId, "paused")).pauseSignal;
const path = { runId: run.runId };
given(
  await client.POST("/api/workflow/resume/{runId}", {
    params: { path },
    body: { type: "collect_inputs", data: { paper: file.fileId }, pauseId: asked?.pauseId },
  }),
);
await seen(run.runId, "paused");
given(
  await client.POST("/api/workflow/resume/{runId}", {
    params: { path },
    body: { type: "request_user_action", actionId: "act", actionValue: "approved" },
  }),
);
assert.deepEqual((await seen(run.runId, "completed")).result, { greeting: "Hello, Ada!" });
const page = given(await client.GET("/api/workflow/runs", { params: { query: { limit: 10 } } }));
assert.ok(page.runs.some((line) => line.runId === run.runId));
console.log("walked");
