"""Child runs whose end a kill kept from their parent are handled at the next start."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

from engine import RunTerminated, apply
from journal import Journal
from tests.harness.histories import append_events
from tests.harness.server import Server, settled
from tests.harness.workflows import create, straight


def children_of(client: httpx.Client, run_id: str, count: int) -> list[str]:
    """Wait until all children have started and sleep; return their ids by item."""
    until = time.monotonic() + 60
    while True:
        rows: list[Any] = client.get(
            "/api/workflow/runs", params={"parentRunId": run_id}
        ).json()["runs"]  # fmt: skip
        ids = [row["runId"] for row in sorted(rows, key=lambda row: row["item"])]
        shown = [client.get(f"/api/workflow/status/{one}").json()["waitingUntil"] for one in ids]
        if len(ids) == count and all(shown):
            return ids
        assert time.monotonic() < until, rows
        time.sleep(0.02)


def ended_unheard(folder: Path, run_id: str) -> None:
    """End a run as a server does that is killed before it notifies the parent."""

    async def work() -> None:
        journal = await Journal.open(folder)
        head, run = await journal.events.run(run_id)
        event = RunTerminated(run.updated_at_ms, "unheard")
        await append_events(journal, head, [event], apply(run, event))
        await journal.close()

    asyncio.run(work())


def test_a_child_that_failed_before_a_kill_is_handled_while_others_run(server: Server) -> None:
    each = {"type": "call-workflow", "workflowId": "sleeper", "items": "{{ [1, 2, 3] }}"}
    with server.client() as client:
        create(client, "sleeper", [{"id": "w", "type": "wait", "duration": "1h"}], straight("w"))
        create(client, "all", [{"id": "each", **each}], straight("each"))
        more = {**each, "onItemError": "continue", "concurrency": 2}
        create(client, "some", [{"id": "each", **more}], straight("each"))
        fails, goes_on = (
            client.post(f"/api/workflow/start-async/{name}", json={}).json()["runId"]
            for name in ("all", "some")
        )
        unheard = [children_of(client, fails, 3)[1], children_of(client, goes_on, 2)[0]]
    server.kill()
    for run_id in unheard:
        ended_unheard(server.data, run_id)
    server.start()
    with server.client() as client:
        error = settled(client, fails, "failed")["error"]
        assert (error["type"], error["stepId"]) == ("ChildTerminated", "each")
        until = time.monotonic() + 60
        while len(client.get(f"/api/workflow/status/{goes_on}").json()["childRunIds"]) < 3:
            assert time.monotonic() < until, "the place that became free was not taken"
            time.sleep(0.02)
