"""Timers are stored in rows: waits and deadlines survive a kill, and fire late if overdue."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine import Event, RunStarted, StepSlept, StepStarted
from tests.conftest import PLUGIN
from tests.harness.journals import filled
from tests.harness.server import Server, settled
from tests.harness.workflows import create, straight


def test_a_wait_ends_while_the_server_is_down(server: Server) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    with server.client() as client:
        create(
            client,
            "until",
            [{"id": "w", "type": "wait", "until": "{{ data.until }}"}],
            straight("w"),
        )
        create(client, "for", [{"id": "w", "type": "wait", "duration": "1500ms"}], straight("w"))
        runs = [
            client.post(
                f"/api/workflow/start-async/{name}", json={"data": {"until": until}}
            ).json()["runId"]
            for name in ("until", "for")
        ]
        for run_id in runs:
            assert settled_waiting(server, run_id)
    server.kill()
    time.sleep(1.6)
    server.start()
    with server.client() as client:
        assert [settled(client, run_id)["status"] for run_id in runs] == ["completed"] * 2


def settled_waiting(server: Server, run_id: str) -> str:
    """Wait until the run shows the time it waits for; return that time."""
    deadline = time.monotonic() + 60
    with server.client() as client:
        while True:
            document = client.get(f"/api/workflow/status/{run_id}").json()
            if document["waitingUntil"]:
                return str(document["waitingUntil"])
            assert time.monotonic() < deadline, document
            time.sleep(0.01)


def test_a_deadline_passes_while_the_server_is_down(server: Server) -> None:
    steps = [
        {"id": "ask", "type": "request-user-action", "deadline": "1s"},
        {"id": "late", "type": "end-flow", "result": {"late": True}},
    ]
    edges = [{"from": "ask", "to": "end"}, {"from": "ask", "to": "late", "on": "timeout"}]
    with server.client() as client:
        create(client, "deadline", steps, edges)
        run_id = client.post("/api/workflow/start/deadline").json()["runId"]
    server.kill()
    time.sleep(1.1)
    server.start()
    with server.client() as client:
        document = settled(client, run_id, "completed")
    assert document["result"] == {"late": True}
    answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
    with server.client() as client:
        assert client.post(f"/api/workflow/resume/{run_id}", json=answer).status_code == 409


def sleeping(number: int) -> Sequence[Event]:
    """Return the history of a run whose workflow is gone and whose timer is long overdue."""
    return [
        RunStarted(1, f"dynamic-workflow-{number}", "gone", "1.0.0", "a", {}),
        StepStarted(1, "a", 1, 1, "wait"),
        StepSlept(1, "a", 1, 2),
    ]


def test_runs_that_cannot_continue_do_not_block_timers(tmp_path: Path) -> None:
    many = 450
    filled(tmp_path / "data", sleeping, range(1, many + 1))
    with Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        create(client, "for", [{"id": "w", "type": "wait", "duration": "1s"}], straight("w"))
        for _ in range(2):
            run = client.post("/api/workflow/start-async/for", json={}).json()
            assert settled(client, run["runId"])["status"] == "completed"
        assert server.log.read_text().count("run cannot continue") == many
