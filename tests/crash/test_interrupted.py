"""What becomes of a step that a kill -9 met: run again, fail, or ask a person."""

import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.harness.counting import Counting
from tests.harness.server import Server, settled


def flow(address: str, policy: str) -> dict[str, object]:
    return {
        "id": policy, "name": policy, "initialStep": "call",
        "steps": [
            {"id": "call", "type": "call-api", "method": "POST", "url": f"{address}/hang",
             "onInterrupted": policy},
            {"id": "end", "type": "end-flow"},
        ],
        "edges": [{"from": "call", "to": "end"}],
    }  # fmt: skip


def interrupted(server: Server, counting: Counting, policy: str) -> str:
    """Start a run, kill the server in the middle of its request, start it again."""
    with server.client() as client:
        client.post("/api/workflows", json=flow(counting.address, policy))
        run_id = str(client.post(f"/api/workflow/start-async/{policy}").json()["runId"])
    while not counting.requests:
        time.sleep(0.01)
    server.kill()
    server.start()
    return run_id


def test_a_step_runs_again_with_the_same_key(server: Server) -> None:
    with Counting() as counting:
        run_id = interrupted(server, counting, "retry")
        with server.client() as client:
            assert settled(client, run_id)["status"] == "completed"
        assert counting.requests == {f"{run_id}:call:1": 2}


def test_a_step_that_must_not_run_twice_fails(server: Server) -> None:
    with Counting() as counting:
        run_id = interrupted(server, counting, "fail")
        with server.client() as client:
            document = settled(client, run_id)
        assert (document["status"], document["error"]["type"]) == ("failed", "Interrupted")
        assert counting.requests == {f"{run_id}:call:1": 1}


@pytest.mark.parametrize(
    ("value", "status", "count"), [("run-again", "completed", 2), ("fail", "failed", 1)]
)
def test_a_person_decides_where_the_step_asks(
    server: Server, value: str, status: str, count: int
) -> None:
    with Counting() as counting:
        run_id = interrupted(server, counting, "ask")
        with server.client() as client:
            signal = settled(client, run_id, "paused")["pauseSignal"]
            assert [action["value"] for action in signal["actions"]] == ["run-again", "fail"]
            address = f"/api/workflow/resume/{run_id}"
            body = {"type": "request_user_action", "actionId": "call", "actionValue": "approved"}
            assert client.post(address, json=body).status_code == 400
            answer = client.post(address, json={**body, "actionValue": value})
            assert answer.status_code == 200, answer.text
            assert settled(client, run_id)["status"] == status
        assert counting.requests == {f"{run_id}:call:1": count}


KILLS = """
import os, signal
from steps import tool

@tool
def end_the_process() -> None:
    \"\"\"Take the process down.\"\"\"
    os.kill(os.getpid(), signal.SIGKILL)
"""


def ends(server: Server) -> None:
    assert server.process
    server.process.wait(20)


def test_a_step_that_ends_the_process_is_given_up_and_others_go_on(tmp_path: Path) -> None:
    plugin = tmp_path / "kills.py"
    plugin.write_text(KILLS)
    step = {"id": "kills", "type": "call-tool", "toolId": "end_the_process"}
    flow = {"id": "kills", "name": "K", "initialStep": "kills", "edges": [{"from": "kills", "to": "end"}],
            "steps": [step, {"id": "end", "type": "end-flow"}]}  # fmt: skip
    with Server(tmp_path / "data", plugin, STEPWELL_MAX_INTERRUPTIONS="2") as server:
        with server.client() as client:
            client.post("/api/workflows", json=flow).raise_for_status()
            with suppress(httpx.HTTPError):
                client.post("/api/workflow/start-async/kills")
        ends(server)
        with suppress(Exception):
            server.start()
        ends(server)
        server.start()
        with server.client() as client:
            (row,) = client.get("/api/workflow/runs").json()["runs"]
            document = settled(client, row["runId"])
        assert (document["status"], document["error"]["type"]) == ("failed", "Interrupted")
        assert "has ended 2 times" in document["error"]["message"]
