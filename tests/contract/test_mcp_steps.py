"""Steps that call tools of MCP servers, over HTTP, also across a crash."""

import json
import time
from pathlib import Path
from typing import Any

import httpx

from tests.harness.mcp_process import over_pipes
from tests.harness.server import Server, settled

PLUGIN = Path(__file__).parents[1] / "harness" / "plugin.py"


def workflow(client: httpx.Client, *tools: dict[str, Any]) -> str:
    """Store a workflow that calls these tools one after the other."""
    names = [f"step-{number}" for number in range(len(tools))]
    steps: list[Any] = [
        {"id": name, "type": "call-tool", **tool} for name, tool in zip(names, tools, strict=True)
    ]
    steps.append({"id": "end", "type": "end-flow", "result": {"data": "{{ data }}"}})
    edges = [{"from": a, "to": b} for a, b in zip(names, [*names[1:], "end"], strict=True)]
    document = {"name": "MCP", "initialStep": names[0], "steps": steps, "edges": edges}
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_a_step_calls_a_tool_and_tells_what_went_wrong(tmp_path: Path) -> None:
    named = json.dumps({"near": over_pipes(), "gone": {"command": "/nowhere"}})
    with (
        Server(tmp_path / "data", PLUGIN, STEPWELL_MCP_SERVERS=named) as server,
        server.client() as client,
    ):
        adds = workflow(
            client,
            {
                "toolId": "near.add",
                "inputs": {"a": "{{ data.a }}", "b": 2},
                "output": {"sum": {"type": "integer"}},
            },
        )
        done = client.post(f"/api/workflow/start/{adds}", json={"data": {"a": 40}}).json()
        assert done["result"] == {"data": {"a": 40, "sum": 42}}
        once = {"retry": {"maxAttempts": 1}}
        for tool, kind in (
            ({"toolId": "near.add", "inputs": {"a": "x"}}, "InvalidToolInput"),
            ({"toolId": "near.fail", "inputs": {"why": "no"}, **once}, "ToolFailed"),
            ({"toolId": "gone.tool", **once}, "McpUnavailable"),
            ({"toolId": "near.ad"}, "UnknownTool"),
        ):
            failed = client.post(f"/api/workflow/start/{workflow(client, tool)}").json()
            assert failed["error"]["type"] == kind, failed


def test_a_call_that_had_finished_is_not_repeated_after_a_crash(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    named = json.dumps({"near": over_pipes(MCP_CALLS=str(calls))})
    with Server(tmp_path / "data", PLUGIN, STEPWELL_MCP_SERVERS=named) as server:
        with server.client() as client:
            waits = workflow(
                client,
                {"toolId": "near.count"},
                {"toolId": "near.sleep", "inputs": {"seconds": 1.5}},
            )
            run_id = client.post(f"/api/workflow/start-async/{waits}").json()["runId"]
            until = time.monotonic() + 60
            while client.get(f"/api/workflow/status/{run_id}").json()["currentStepId"] != "step-1":
                assert time.monotonic() < until
                time.sleep(0.02)
        server.kill()
        server.start()
        with server.client() as client:
            assert settled(client, run_id)["status"] == "completed"
    assert calls.read_text().split() == [f"{run_id}:step-0:1"]
