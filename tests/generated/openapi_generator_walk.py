"""Typical use of the Python client that openapi-generator generates."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import generated_api as api

configuration = api.Configuration(host=os.environ["STEPWELL_URL"])
configuration.api_key = {
    "apiKey": os.environ["STEPWELL_KEY"], "tenant": os.environ["STEPWELL_TENANT"],
}  # fmt: skip
client = api.ApiClient(configuration)
runs, workflows, files = api.RunsApi(client), api.WorkflowsApi(client), api.FilesApi(client)


def seen(run_id: str, *statuses: str) -> Any:
    until = time.monotonic() + 60
    while (run := runs.get_run(run_id)).status.value not in statuses:
        assert time.monotonic() < until, run
        time.sleep(0.05)
    return run


document = json.loads(Path(sys.argv[1]).read_text())
made = workflows.create_workflow(api.WorkflowDocument.from_dict({**document, "id": "generated-2"}))
published = workflows.publish_workflow(made.id, publish_body=api.PublishBody(version=made.version))
assert published.status.value == "published", published
shown = workflows.get_workflow(made.id)
changed = workflows.update_workflow(made.id, api.WorkflowChanges.from_dict(shown.to_dict()))
assert (changed.version, changed.steps) == ("1.0.1", document["steps"]), changed
assert made.id in [line.id for line in workflows.list_workflows(include_archived=True)]

file = files.upload_file(("paper.txt", b"on paper"))
assert file.size == len(b"on paper"), file
assert files.download_file(file.file_id) == b"on paper"

asking = {"idempotency_key": "generated-2", "start_body": api.StartBody(data={"name": "Ada"})}
run = runs.start_run(made.id, prefer="wait=5", **asking)
assert runs.start_run(made.id, prefer="wait=0", **asking).run_id == run.run_id
asked = seen(run.run_id, "paused").pause_signal
answer = {"type": "collect_inputs", "data": {"paper": file.file_id}, "pauseId": asked.pause_id}
runs.resume_run(run.run_id, api.ResumeBody.from_dict(answer))
seen(run.run_id, "paused")
answer = {"type": "request_user_action", "actionId": "act", "actionValue": "approved"}
runs.resume_run(run.run_id, api.ResumeBody.from_dict(answer))
over = seen(run.run_id, "completed")
assert over.result == {"greeting": "Hello, Ada!"}, over
assert run.run_id in [line.run_id for line in runs.list_runs(limit=10).runs]
events = api.EventsApi(client).stream_run_events(run.run_id)
assert "event: run.completed" in events, events
print("walked")
