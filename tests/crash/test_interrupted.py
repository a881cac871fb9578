"""A step interrupted by kill -9: it runs again, fails, or asks a person."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.counting import Counting
from tests.harness.server import Server, settled
from tests.harness.workflows import create, straight


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
    """Start a run, kill the server in the middle of its request, and start it again."""
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
def test_a_person_decides_if_the_step_is_set_to_ask(
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


KILLS_ONE = """
import os, signal
from steps import tool

@tool
def end_if(n: int) -> int:
    \"\"\"Take the process down for one number.\"\"\"
    if n == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return n
"""


def calls(tool_id: str) -> dict[str, object]:
    return {
        "id": "calls", "name": "Calls", "initialStep": "tool",
        "steps": [
            {"id": "tool", "type": "call-tool", "toolId": tool_id}, {"id": "end", "type": "end-flow"},
        ],
        "edges": [{"from": "tool", "to": "end"}],
    }  # fmt: skip


def ends(server: Server) -> None:
    assert server.process
    server.process.wait(20)


def test_a_step_that_ends_the_process_fails_and_other_runs_continue(tmp_path: Path) -> None:
    plugin = tmp_path / "kills.py"
    plugin.write_text(KILLS)
    with Server(tmp_path / "data", plugin, STEPWELL_MAX_INTERRUPTIONS="2") as server:
        with server.client() as client:
            client.post("/api/workflows", json=calls("end_the_process")).raise_for_status()
            with suppress(httpx.HTTPError):
                client.post("/api/workflow/start-async/calls")
        ends(server)  # it is suspected, with all steps that were running
        for _ in range(2):  # once with all others, then alone
            with suppress(Exception):
                server.start()
            ends(server)
        server.start()
        with server.client() as client:
            (row,) = client.get("/api/workflow/runs").json()["runs"]
            document = settled(client, row["runId"])
        assert (document["status"], document["error"]["type"]) == ("failed", "Interrupted")
        assert "has ended 2 times" in document["error"]["message"]


@pytest.mark.parametrize("most", [1, 2])
def test_of_a_maps_items_only_the_one_that_ends_the_process_fails(
    tmp_path: Path, most: int
) -> None:
    plugin = tmp_path / "kills.py"
    plugin.write_text(KILLS_ONE)
    steps = [
        {"id": "tool", "type": "call-tool", "toolId": "end_if", "inputs": {"n": "{{ data.item }}"}}
    ]
    each = {"id": "each", "type": "call-workflow", "items": [0, 1, 2], "steps": steps, "onItemError": "continue"}  # fmt: skip
    with Server(tmp_path / "data", plugin, STEPWELL_MAX_INTERRUPTIONS=str(most)) as server:
        with server.client() as client:
            create(client, "kills-one", [each], straight("each"))
            with suppress(httpx.HTTPError):
                client.post("/api/workflow/start-async/kills-one", json={})
        for _ in range(3):  # it is suspected with the others, then run with them, then alone
            ends(server)
            with suppress(Exception):
                server.start()
        with server.client() as client:
            rows = client.get("/api/workflow/runs?workflowId=kills-one").json()["runs"]
            document = settled(client, rows[-1]["runId"])
        assert document["status"] == "completed", document
        output = document["stepExecutionHistory"][0]["outputData"]
        assert (output["outputs"], output["errors"][0]["type"]) == ([0, None, 2], "Interrupted")


KILLS_ALL = {
    "id": "kills-all", "name": "Kills all", "initialStep": "each",
    "steps": [
        {"id": "each", "type": "call-workflow", "workflowId": "calls", "items": "{{ data.items }}",
         "concurrency": 3, "onItemError": "continue"},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "each", "to": "end"}],
}  # fmt: skip


def test_a_map_whose_items_all_end_the_process_fails_as_a_whole(tmp_path: Path) -> None:
    plugin = tmp_path / "kills.py"
    plugin.write_text(KILLS)
    wanted = {"data": {"items": list(range(100))}}
    with Server(tmp_path / "data", plugin, STEPWELL_MAX_INTERRUPTIONS="2") as server:
        with server.client() as client:
            client.post("/api/workflows", json=calls("end_the_process")).raise_for_status()
            client.post("/api/workflows", json=KILLS_ALL).raise_for_status()
            with suppress(httpx.HTTPError):
                client.post("/api/workflow/start-async/kills-all", json=wanted)
        run_id, starts = "", 0
        while not run_id:
            assert (starts := starts + 1) < 12, "it continues with one item after the other"
            ends(server)
            with suppress(Exception):
                server.start()
                with server.client() as client:
                    (row,) = client.get("/api/workflow/runs?workflowId=kills-all").json()["runs"]
                    document = settled(client, row["runId"])
                    run_id = row["runId"]
        assert (document["status"], document["error"]["type"]) == ("failed", "Interrupted")
        assert "one of the step's child runs" in document["error"]["message"]


BLOCKS = """
import asyncio, time
from steps import tool

async def deep() -> None:
    time.sleep(600)

@tool
async def keep_the_loop() -> None:
    \"\"\"Never give the event loop back, in a task of its own.\"\"\"
    await asyncio.gather(deep())
"""


def test_a_step_that_blocks_the_event_loop_fails_and_other_runs_continue(
    tmp_path: Path,
) -> None:
    plugin = tmp_path / "blocks.py"
    plugin.write_text(BLOCKS)
    settings = {"STEPWELL_MAX_INTERRUPTIONS": "1", "STEPWELL_BLOCKED_STEP_LIMIT": "1"}
    with Counting() as counting, Server(tmp_path / "data", plugin, **settings) as server:
        with server.client() as client:
            client.post("/api/workflows", json=flow(counting.address, "retry")).raise_for_status()
            client.post("/api/workflows", json=calls("keep_the_loop")).raise_for_status()
            bystander = client.post("/api/workflow/start-async/retry").json()["runId"]
            while not counting.requests:
                time.sleep(0.01)
            with suppress(httpx.HTTPError):
                client.post("/api/workflow/start-async/calls")
        assert server.process
        assert server.process.wait(60) == os.EX_SOFTWARE
        server.start()
        with server.client() as client:
            assert settled(client, bystander)["status"] == "completed"
            (row,) = client.get("/api/workflow/runs?workflowId=calls").json()["runs"]
            document = settled(client, row["runId"])
        assert (document["status"], document["error"]["type"]) == ("failed", "Interrupted")
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line[0] == "{"]
        named = [
            (line["level"], line["run"], line["step"], line["tool"])
            for line in lines
            if line["event"].startswith(("step blocks", "a step blocks"))
        ]
        where = (row["runId"], "tool", "keep_the_loop")
        assert named == [("warning", *where), ("critical", *where)]
        assert "time.sleep(600)" in next(line["stack"] for line in lines if "stack" in line)


def test_a_graceful_stop_does_not_count_as_an_interruption(tmp_path: Path) -> None:
    settings = {"STEPWELL_MAX_INTERRUPTIONS": "1", "STEPWELL_SHUTDOWN_GRACE": "0"}
    with Counting() as counting, Server(tmp_path / "data", PLUGIN, **settings) as server:
        with server.client() as client:
            client.post("/api/workflows", json=flow(counting.address, "retry")).raise_for_status()
            run_id = client.post("/api/workflow/start-async/retry").json()["runId"]
        while not counting.requests:
            time.sleep(0.01)
        assert server.terminate() == 0
        server.start()
        with server.client() as client:
            assert settled(client, run_id)["status"] == "completed"
        assert counting.requests == {f"{run_id}:call:1": 2}
