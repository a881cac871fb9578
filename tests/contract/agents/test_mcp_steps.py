"""Steps that call tools of MCP servers, over HTTP, also after a crash."""

import json
import time
from pathlib import Path
from typing import Any

import httpx

from tests.harness.agents import agent, flow, turns
from tests.harness.mcp_process import McpProcess, over_pipes
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server, settled

PLUGIN = Path(__file__).parents[2] / "harness" / "plugin.py"


def workflow(client: httpx.Client, *tools: dict[str, Any]) -> str:
    """Create a workflow that calls these tools one after the other."""
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


def test_a_step_calls_a_tool_and_reports_errors(tmp_path: Path) -> None:
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


def test_a_finished_call_is_not_repeated_after_a_crash(tmp_path: Path) -> None:
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


def test_a_question_of_a_tool_pauses_the_run_and_survives_a_crash(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    named = json.dumps({"near": over_pipes(MCP_BOOKED=str(calls))})
    wants: list[tuple[str, dict[str, Any]]] = [("near.book", {"show": "A"}), ("near.add", {"a": 1})]
    with (
        Server(tmp_path / "data", PLUGIN, STEPWELL_MCP_SERVERS=named) as server,
        ModelServer(turns(Reply(tool_calls=wants), Reply("Booked."))) as models,
    ):
        with server.client() as client:
            books = workflow(
                client,
                {"toolId": "near.book", "inputs": {"show": "Hamlet"},
                 "output": {"told": {"type": "string", "value": "{{ result.result }}"}}},
            )  # fmt: skip
            run = client.post(f"/api/workflow/start/{books}").json()
            pause = run["pauseSignal"]
            assert (pause["type"], pause["message"]) == ("collect_inputs", "How many seats for Hamlet?")  # fmt: skip
            assert pause["fields"]["seats"] | {"description": ""} == {
                "type": "integer", "title": "Seats", "description": "", "minimum": 1, "maximum": 9,
                "required": True,
            }  # fmt: skip
            assert pause["fields"]["row"]["enum"] == ["front", "back"]
            name = agent(client, models, "booker", tools=["near.book", "near.add"],
                         limits={"onLimit": "ask"})  # fmt: skip
            works = client.post(f"/api/workflow/start/{flow(client, name, onInterrupted='ask')}", json={"data": {"q": "?"}}).json()  # fmt: skip
            assert works["pauseSignal"]["message"] == "How many seats for A?"
        server.kill()
        server.start()
        with server.client() as client:
            for run_id, sent, status in (
                (run["runId"], {"data": {"seats": 10}}, 400),
                (run["runId"], {"data": {"seats": 2, "x": 1}}, 400),
                (run["runId"], {"data": {"seats": 2, "row": "back"}}, 200),
                (works["runId"], {"actionValue": "decline"}, 200),
            ):
                body = {"type": "collect_inputs", **sent}
                answer = client.post(f"/api/workflow/resume/{run_id}", json=body)
                assert answer.status_code == status, answer.text
            done = settled(client, run["runId"], "completed")
            assert done["data"]["told"] == "2 in the back for Hamlet"
            settled(client, works["runId"], "completed")
            reported = [item["content"] for item in models.requests[-1].body["messages"][-2:]]
            assert ["nothing for A: decline" in reported[0], "2" in reported[1]] == [True, True]
            said = client.get(f"/api/workflow/runs/{works['runId']}/transcript").json()
            assert "decline" in json.dumps(said)
    assert calls.read_text().splitlines() == ["book Hamlet"]


def test_a_tool_that_acts_before_it_asks_continues_without_acting_again(tmp_path: Path) -> None:
    done = tmp_path / "done"
    done.touch()
    with McpProcess(MCP_DONE=str(done)) as shop:
        named = json.dumps({"shop": shop.settings})
        wants: list[tuple[str, dict[str, Any]]] = [("shop.order", {"thing": "B"})]
        with (
            Server(tmp_path / "data", PLUGIN, STEPWELL_MCP_SERVERS=named) as server,
            ModelServer(turns(Reply(tool_calls=wants), Reply("Ordered."))) as models,
        ):
            with server.client() as client:
                reported = {"told": {"type": "string", "value": "{{ result.result }}"}}
                orders = workflow(
                    client,
                    {"toolId": "shop.order", "inputs": {"thing": "{{ data.thing }}"}, "output": reported},
                )  # fmt: skip
                runs = [
                    client.post(f"/api/workflow/start/{orders}", json={"data": {"thing": name}}).json()
                    for name in ("A", "C")
                ]  # fmt: skip
                name = agent(client, models, "orders", tools=["shop.order"])
                runs.insert(1, client.post(f"/api/workflow/start/{flow(client, name, onInterrupted='ask')}", json={"data": {"q": "?"}}).json())  # fmt: skip
                assert [run["pauseSignal"]["message"] for run in runs] == [f"Pay for {name}?" for name in "ABC"]  # fmt: skip
            server.kill()
            server.start()
            with server.client() as client:
                sent: tuple[Any, ...] = ({"data": {"sure": True}}, {"actionValue": "decline"})
                for run, said in zip(runs[:2], sent, strict=True):
                    body = {"type": "collect_inputs", **said}
                    client.post(
                        f"/api/workflow/resume/{run['runId']}", json=body
                    ).raise_for_status()
                    settled(client, run["runId"], "completed")
                assert sorted(done.read_text().splitlines()) == [
                    "accept reserved A", "decline reserved B", "reserve A", "reserve B", "reserve C"
                ]  # fmt: skip
                shop.kill()
                shop.start()  # after a restart it cannot use the state it handed back
                body = {"type": "collect_inputs", **sent[0]}
                client.post(
                    f"/api/workflow/resume/{runs[2]['runId']}", json=body
                ).raise_for_status()
                assert settled(client, runs[2]["runId"], "completed")["data"]["told"] == "accept C"
                assert done.read_text().splitlines()[-2:] == ["reserve C", "accept reserved C"]
