"""A command that is sent again after its answer was lost changes nothing."""

import time
from pathlib import Path
from typing import Any

from tests.harness.server import Server, settled
from tests.harness.workflows import create, straight

PLUGIN = """
import asyncio
from pathlib import Path

from steps import tool

@tool
async def tidy(file: str) -> None:
    Path(file).write_text("began")
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.7)
        Path(file).write_text("tidied up")
"""


def test_a_second_cancel_does_not_shorten_the_time_to_stop(tmp_path: Path) -> None:
    plugin, file = tmp_path / "plugin.py", tmp_path / "file"
    plugin.write_text(PLUGIN)
    step = {"id": "t", "type": "call-tool", "toolId": "tidy", "inputs": {"file": str(file)}}
    with Server(tmp_path / "data", plugin) as server, server.client() as client:
        create(client, "tidying", [step], straight("t"))
        run_id = client.post("/api/workflow/start-async/tidying", json={}).json()["runId"]
        while not file.exists():
            time.sleep(0.02)
        for status in (200, 409, 409):
            body = {"runId": run_id}
            answer = client.post("/api/workflow/management/cancel", json=body)
            assert answer.status_code == status, answer.text
            time.sleep(0.05)
        assert settled(client, run_id)["status"] == "cancelled"
        assert file.read_text() == "tidied up"


def test_an_idempotency_key_outlives_its_run_and_its_workflow(shared: Server) -> None:
    with shared.client() as client:
        flow = {
            "id": "keyed",
            "name": "K",
            "initialStep": "end",
            "steps": [{"id": "end", "type": "end-flow"}],
            "edges": [],
        }
        client.post("/api/workflows", json=flow).raise_for_status()
        for kind in ("start", "start-async"):
            asked: dict[str, Any] = {
                "url": f"/api/workflow/{kind}/keyed",
                "headers": {"Idempotency-Key": kind},
            }
            first = client.post(**asked, json={"data": {"a": 1}}).json()["runId"]
            settled(client, first)
            needs = {"payload": {"b": {"type": "string"}}}
            client.put("/api/workflows/keyed", json=needs).raise_for_status()
            client.delete("/api/workflows/keyed").raise_for_status()
            again = client.post(**asked, json={"data": {"a": 1}})
            assert (again.status_code, again.json()["runId"]) == (200, first)
            assert client.post(**asked, json={"data": {"a": 2}}).status_code == 422
            client.delete(f"/api/workflow/runs/{first}").raise_for_status()
            gone = client.post(**asked, json={"data": {"a": 1}})
            assert (gone.status_code, first in gone.json()["message"]) == (410, True)
            client.post("/api/workflows/keyed/unarchive").raise_for_status()
            client.put("/api/workflows/keyed", json={"payload": {}}).raise_for_status()
