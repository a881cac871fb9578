"""Files that a run makes and hands on, and values that runs keep, across a crash too."""

import json
from collections.abc import Iterator

import pytest

from tests.harness.echo import Echo
from tests.harness.server import Server, settled

REPORT = {
    "name": "Report", "initialStep": "count",
    "payload": {"address": {"type": "string"}, "rows": {"type": "array"}},
    "steps": [
        {"id": "count", "type": "call-tool", "toolId": "store",
         "inputs": {"operation": "increment", "key": "reports"},
         "output": {"number": {"type": "integer", "value": "{{ result.value }}"}}},
        {"id": "table", "type": "call-tool", "toolId": "make-file",
         "inputs": {"name": "rows.csv", "format": "csv", "content": "{{ data.rows }}"},
         "output": {"table": {"type": "file", "value": "{{ result.fileId }}"}}},
        {"id": "pack", "type": "call-tool", "toolId": "zip",
         "inputs": {"name": "all.zip", "files": ["{{ data.table }}"]},
         "output": {"archive": {"type": "file", "value": "{{ result.fileId }}"}}},
        {"id": "send", "type": "call-api", "method": "POST", "url": "{{ data.address }}/200",
         "multipart": {"report": {"file": "{{ data.table }}"}}, "saveAs": "file", "fileName": "reply.json",
         "output": {"reply": {"type": "object", "value": "{{ response.file }}"}}},
        {"id": "again", "type": "call-api", "method": "POST", "url": "{{ data.address }}/200",
         "file": "{{ data.reply.fileId }}",
         "output": {"said": {"type": "string", "value": "{{ response.body.body }}"}}},
        {"id": "wait", "type": "wait", "duration": "1s"},
        {"id": "end", "type": "end-flow",
         "result": {"number": "{{ data.number }}", "reply": "{{ data.reply }}", "said": "{{ data.said }}"}},
    ],
    "edges": [{"from": one, "to": other} for one, other in (
        ("count", "table"), ("table", "pack"), ("pack", "send"), ("send", "again"), ("again", "wait"),
        ("wait", "end"))],
}  # fmt: skip


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with Echo() as running:
        yield running


def test_files_are_made_packed_sent_and_kept_and_counted_once(server: Server, echo: Echo) -> None:
    data = {"address": echo.address, "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}
    with server.client() as client:
        made = client.post("/api/workflows", json=REPORT)
        assert made.status_code == 201, made.text
        start = f"/api/workflow/start-async/{made.json()['id']}"
        first = client.post(start, json={"data": data}).json()["runId"]
        settled(client, first, "completed")
        second = client.post(start, json={"data": data}).json()["runId"]
    server.kill()
    server.start()
    with server.client() as client:
        numbers = [settled(client, run, "completed")["result"]["number"] for run in (first, second)]
        assert numbers == [1, 2]
        result = settled(client, second, "completed")["result"]
        assert (result["reply"]["fileName"], result["reply"]["mimeType"]) == (
            "reply.json", "application/json",
        )  # fmt: skip
        assert "a,b\r\n1,x\r\n2,y\r\n" in json.loads(result["said"])["body"]
        third = client.post(start, json={"data": data}).json()["runId"]
        assert settled(client, third, "completed")["result"]["number"] == 3
