"""Typical use of the client that openapi-python-client generates."""

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from generated_api.api.events import stream_run_events
from generated_api.api.files import download_file, upload_file
from generated_api.api.runs import get_run, list_runs, resume_run, start_run
from generated_api.api.workflows import (
    create_workflow,
    get_workflow,
    list_workflows,
    publish_workflow,
    update_workflow,
)
from generated_api.client import AuthenticatedClient
from generated_api.models import (
    FileForm,
    PublishBody,
    ResumeBody,
    ResumeBodyType,
    StartBody,
    StartForm,
    WorkflowChanges,
    WorkflowDocument,
)
from generated_api.types import File

client = AuthenticatedClient(
    os.environ["STEPWELL_URL"],
    token=os.environ["STEPWELL_KEY"], prefix="", auth_header_name="x-api-key",
    headers={"x-tenant-id": os.environ["STEPWELL_TENANT"]}, raise_on_unexpected_status=True,
)  # fmt: skip


def paper() -> File:
    return File(io.BytesIO(b"on paper"), "paper.txt", "text/plain")


def seen(run_id: str, *statuses: str) -> Any:
    until = time.monotonic() + 120
    while (run := get_run.sync(run_id, client=client)).status.value not in statuses:
        assert time.monotonic() < until, run
        time.sleep(0.05)
    return run


document = json.loads(Path(sys.argv[1]).read_text())
made = create_workflow.sync(client=client, body=WorkflowDocument.from_dict(document))
published = publish_workflow.sync(made.id, client=client, body=PublishBody(version=made.version))
assert published.status.value == "published", published
shown = get_workflow.sync(made.id, client=client)
changed = update_workflow.sync(
    made.id, client=client, body=WorkflowChanges.from_dict(shown.to_dict())
)
assert (changed.version, changed.to_dict()["steps"]) == ("1.0.1", document["steps"]), changed
listed = list_workflows.sync(client=client, include_archived=True)
assert made.id in [line.id for line in listed], listed

file = upload_file.sync(client=client, body=FileForm(paper()))
assert file.size == len(b"on paper"), file
assert download_file.sync(file.file_id, client=client).payload.read() == b"on paper"

run = start_run.sync(
    made.id, client=client, body=StartBody.from_dict({"data": {"name": "Ada"}}),
    idempotency_key="generated-1", prefer="wait=5",
)  # fmt: skip
again = start_run.sync(
    made.id, client=client, body=StartBody.from_dict({"data": {"name": "Ada"}}),
    idempotency_key="generated-1", prefer="wait=0",
)  # fmt: skip
assert again.run_id == run.run_id
asked = seen(run.run_id, "paused").pause_signal
assert asked.type_.value == "collect_inputs", asked
answer = ResumeBody.from_dict(
    {"type": "collect_inputs", "data": {"paper": file.file_id}, "pauseId": asked.pause_id}
)
answered = resume_run.sync(run.run_id, client=client, body=answer)
assert answered.run_id == run.run_id, answered
seen(run.run_id, "paused")
resume_run.sync(
    run.run_id, client=client,
    body=ResumeBody(ResumeBodyType.REQUEST_USER_ACTION, action_id="act", action_value="approved"),
)  # fmt: skip
over = seen(run.run_id, "completed")
assert over.result == {"greeting": "Hello, Ada!"}, over
assert run.run_id in [line.run_id for line in list_runs.sync(client=client, limit=10).runs]
with_file = start_run.sync(made.id, client=client, body=StartForm(paper()), prefer="wait=0")
assert seen(with_file.run_id, "paused").data["attachment"]["fileName"] == "paper.txt"
events = stream_run_events.sync(run.run_id, client=client)
assert "event: run.completed" in events, events
print("walked")
