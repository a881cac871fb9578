"""Thousands of runs are stopped and deleted by one command, and by one endpoint."""

import json
import time
from pathlib import Path
from typing import Any

import httpx

from engine import Event
from tests.conftest import PLUGIN
from tests.harness.journals import completed, faults, filled, paused
from tests.harness.processes import command, run
from tests.harness.server import Server

WORKFLOW = {
    "id": "w", "name": "W", "initialStep": "a",
    "steps": [{"id": "a", "type": "collect-inputs", "output": {"name": {"type": "string"}}},
              {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "a", "to": "end"}],
}  # fmt: skip
COUNT = 2_000


def bulk(client: httpx.Client, action: str, **body: Any) -> httpx.Response:
    wanted = {"action": action, "filter": {}, **body}
    return client.post("/api/workflow/management/bulk", json=wanted)


def all_parts(client: httpx.Client, action: str, **body: Any) -> tuple[int, int]:
    """Repeat a bulk request until nothing remains; return the runs changed and the calls made."""
    changed, calls, cursor = 0, 0, None
    while True:
        answer = bulk(client, action, **body, **({"cursor": cursor} if cursor else {})).json()
        changed, calls, cursor = changed + answer["changed"], calls + 1, answer["nextCursor"]
        if cursor is None:
            return changed, calls


def test_thousands_of_runs_are_cancelled_and_deleted(server: Server) -> None:
    with server.client() as client:
        assert client.post("/api/workflows", json=WORKFLOW).status_code == 201
        server.terminate()
        filled(server.data, paused, range(1, COUNT + 1))
        filled(server.data, paused, [COUNT + 1], tenant="other")
        server.start()
        keep = client.post("/api/workflow/start/w", json={"data": {"name": "Ada"}}).json()["runId"]
        assert bulk(client, "cancel", dryRun=True).json()["matched"] == COUNT
        began = time.monotonic()
        assert all_parts(client, "cancel", reason="runaway") == (COUNT, COUNT // 1_000 + 1)
        cancelled = time.monotonic()
        assert all_parts(client, "cancel") == (0, 1)
        assert client.get("/api/workflow/status/dynamic-workflow-7").json()["status"] == "cancelled"
        changed, calls = all_parts(client, "delete", filter={"status": "cancelled"}, limit=700)
        deleted = time.monotonic()
        assert (changed, calls) == (COUNT, COUNT // 700 + 1)
        print(f"{COUNT} runs: cancelled in {cancelled - began:.1f} s, deleted in {deleted - cancelled:.1f} s")  # fmt: skip
        left = client.get("/api/workflow/runs").json()["runs"]
        assert [row["runId"] for row in left] == [keep]
    with server.client("owner", "other") as client:
        assert client.get("/api/workflow/runs").json()["runs"][0]["status"] == "paused"
    assert faults(server.data) == []


def test_runs_started_after_the_count_are_not_affected(shared: Server) -> None:
    with shared.client("owner", "counted") as client:
        assert client.post("/api/workflows", json=WORKFLOW).status_code == 201
        start = "/api/workflow/start/w"
        assert bulk(client, "cancel", dryRun=True).json()["cursor"] is None
        old = [client.post(start, json={"data": {}}).json()["runId"] for _ in range(3)]
        counted = bulk(client, "cancel", dryRun=True).json()
        new = client.post(start, json={"data": {}}).json()["runId"]
        assert counted["matched"] == 3
        assert bulk(client, "cancel", cursor=counted["cursor"]).json()["changed"] == 3
        status = {
            row["runId"]: row["status"] for row in client.get("/api/workflow/runs").json()["runs"]
        }
        assert status == {**dict.fromkeys(old, "cancelled"), new: "paused"}


def test_roles_and_filters_are_checked(shared: Server) -> None:
    with shared.client("operator") as client:
        assert bulk(client, "terminate").status_code == 200
        assert bulk(client, "delete").status_code == 403
        assert client.delete("/api/workflow/runs/dynamic-workflow-1").status_code == 403
    with shared.client("viewer") as client:
        assert bulk(client, "cancel").status_code == 403
    with shared.client() as client:
        for action, wanted in (
            ("cancel", {"status": "completed"}),
            ("delete", {"status": "running"}),
            ("delete", {"parentRunId": "dynamic-workflow-1"}),
            ("delete", {"since": "2026-01-31T12:00:00"}),
            ("delete", {"colour": "red"}),
            ("erase", {}),
        ):
            assert bulk(client, action, filter=wanted).status_code == 400, (action, wanted)
        assert bulk(client, "delete", filter={"runIds": ["nonsense"]}).status_code == 404
        assert client.post("/api/workflow/management/bulk", json={"action": "delete"}).status_code == 400  # fmt: skip


def test_one_run_is_deleted_when_it_has_ended(shared: Server) -> None:
    with shared.client() as client, shared.client("owner", "other") as other:
        client.post("/api/workflows", json=WORKFLOW)
        address = "/api/workflow/runs/" + client.post("/api/workflow/start/w").json()["runId"]
        refused = client.delete(address)
        assert (refused.status_code, "has not ended" in refused.json()["message"]) == (409, True)
        bulk(client, "terminate", filter={"runIds": [address.rpartition("/")[2]]})
        assert other.delete(address).status_code == 404
        assert client.delete(address).json()["deletedRuns"] == 1
        assert client.delete(address).status_code == 404
        assert client.get(address.replace("runs", "status")).status_code == 404


def test_a_child_run_is_deleted_with_its_parent(tmp_path: Path) -> None:
    def ended(number: int) -> list[Event]:
        return completed(number, parent=1)

    filled(tmp_path / "data", completed, [1])
    filled(tmp_path / "data", ended, range(2, 500))
    filled(tmp_path / "data", lambda n: completed(n, parent=2), [600])
    filled(tmp_path / "data", completed, [700])
    filled(tmp_path / "data", lambda n: [*completed(n, parent=700)[:2]], [701])
    with Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        refused = client.delete("/api/workflow/runs/dynamic-workflow-9")
        assert (refused.status_code, "dynamic-workflow-1" in refused.text) == (409, True)
        assert client.delete("/api/workflow/runs/dynamic-workflow-1").json()["deletedRuns"] == 500
        assert client.get("/api/workflow/status/dynamic-workflow-600").status_code == 404
    assert faults(tmp_path / "data") == []


def test_the_command_line_stops_looping_runs_with_and_without_a_server(server: Server) -> None:
    place = ("--data", server.data, "--tenant", "acme")
    with server.client() as client:
        assert client.post("/api/workflows", json=WORKFLOW).status_code == 201
        for _ in range(3):
            client.post("/api/workflow/start/w")
        answer = command("runs", "terminate", *place, "--workflow", "w", "--reason", "enough")
        assert (answer["changed"], answer["failed"]) == (3, 0)
        for _ in range(3):
            client.post("/api/workflow/start/w")
    server.kill()
    assert command("runs", "cancel", *place, "--dry-run")["matched"] == 3
    assert command("runs", "cancel", *place, "--all")["changed"] == 3
    shown = command("runs", "list", *place, "--status", "cancelled")["runs"]
    assert [row["workflowId"] for row in shown] == ["w"] * 3
    wrong = run("runs", "delete", *place, "--status", "paused")
    assert "delete is for runs that have ended" in wrong.stderr
    assert command("runs", "delete", *place, "--status", "cancelled")["changed"] == 3
    assert len(command("runs", "list", *place)["runs"]) == 3
    assert faults(server.data) == []


def test_an_offline_terminate_needs_no_definition(tmp_path: Path) -> None:
    filled(tmp_path, lambda n: [*paused(n)], [5])
    refused = run("runs", "cancel", "--data", tmp_path, "--tenant", "acme", "--all", "--json")
    assert json.loads(refused.stdout)["failed"] == 1
    assert refused.returncode == 1
    answer = command("runs", "terminate", "--data", tmp_path, "--tenant", "acme", "--all")
    assert answer["changed"] == 1
