"""Reruns from a step: the steps before it are kept and not repeated."""

import json
from typing import Any

import httpx
import pytest

from tests.harness.echo import Echo
from tests.harness.processes import command
from tests.harness.server import Server, settled

STEPS: list[dict[str, Any]] = [
    {"id": "count", "type": "call-api", "method": "POST", "url": "{{ data.url }}",
     "output": {"seen": {"type": "integer", "value": "{{ response.status }}"}}},
    {"id": "divide", "type": "call-tool", "toolId": "transform", "inputs": {"x": "{{ 10 / data.by }}"},
     "output": {"x": {"type": "number", "value": "{{ result.x }}"}}},
    {"id": "look", "type": "call-tool", "toolId": "transform", "inputs": {"why": "{{ error.message }}"}},
    {"id": "stop", "type": "end-flow", "failed": True, "message": "no"},
    {"id": "end", "type": "end-flow", "result": {"x": "{{ data.x }}", "first": "{{ steps.count.output.status }}",
     "by": "{{ data.by }}"}},
]  # fmt: skip
EDGES = [{"from": "count", "to": "divide"}, {"from": "divide", "to": "end"}]


@pytest.fixture(scope="module")
def failing(shared: Server) -> dict[str, Any]:
    return {"id": "dividing", "name": "Dividing", "initialStep": "count",
            "payload": {"by": {"type": "number"}, "url": {"type": "string"}},
            "steps": [STEPS[0], STEPS[1], STEPS[4]], "edges": EDGES}  # fmt: skip


def test_only_the_step_and_its_successors_run_again(
    shared: Server, failing: dict[str, Any]
) -> None:
    with Echo() as echo, shared.client() as client:
        client.post("/api/workflows", json=failing).raise_for_status()
        data = {"by": "zero", "url": f"{echo.address}/200"}
        assert client.post("/api/workflow/start/dividing", json={"data": data}).status_code == 400
        first = client.post(
            "/api/workflow/start/dividing", json={"data": {**data, "by": 0.5, "odd": {}}}
        ).json()
        assert first["status"] == "completed", first
        calls = len(echo.seen)
        assert calls >= 1
        again = client.post(
            f"/api/workflow/rerun/{first['runId']}", json={"stepId": "divide", "data": {"by": 4}}
        )
        assert again.status_code == 200
        document = settled(client, again.json()["runId"])
        assert document["status"] == "completed", document
        assert document["result"] == {"x": 2.5, "first": 200, "by": 4}
        past, *own = document["stepExecutionHistory"]
        assert [entry["stepId"] for entry in own] == ["divide", "end"]
        old = client.get(f"/api/workflow/status/{first['runId']}").json()
        assert past == {**old["stepExecutionHistory"][0], "carriedFrom": first["runId"]}
        assert document["origin"] == {
            "runId": first["runId"],
            "stepId": "divide",
            "seq": document["origin"]["seq"],
        }
        assert len(echo.seen) == calls
        assert (old["result"]["by"], old["origin"]) == (0.5, None)


def test_invalid_reruns_are_refused(shared: Server, failing: dict[str, Any]) -> None:
    asks = {"id": "asking", "name": "A", "initialStep": "a", "steps": [{"id": "a", "type": "request-user-action"},
            {"id": "e", "type": "end-flow"}], "edges": [{"from": "a", "to": "e"}]}  # fmt: skip
    with (
        shared.client() as client,
        shared.client("viewer") as viewer,
        shared.client("owner", "other") as other,
    ):
        client.post("/api/workflows", json=asks).raise_for_status()
        run = client.post("/api/workflow/start/asking", json={"data": {}}).json()["runId"]
        address = f"/api/workflow/rerun/{run}"
        assert client.post(address, json={"stepId": "a"}).status_code == 409
        client.post("/api/workflow/management/terminate", json={"runId": run}).raise_for_status()
        assert client.post(address, json={"stepId": "e"}).status_code == 400
        assert client.post(address, json={"stepId": "a", "visit": 2}).status_code == 400
        assert client.post(address, json={}).status_code == 400
        assert viewer.post(address, json={"stepId": "a"}).status_code == 403
        assert other.post(address, json={"stepId": "a"}).status_code == 404
        key = {"idempotency-key": "rerun-1"}
        first = client.post(address, json={"stepId": "a"}, headers=key).json()
        assert client.post(address, json={"stepId": "a"}, headers=key).json() == first
        assert (
            client.post(address, json={"stepId": "a", "data": {"x": 1}}, headers=key).status_code
            == 422
        )
        assert settled(client, first["runId"], "paused")["currentStepId"] == "a"


def test_edits_must_fit_the_declared_inputs(shared: Server, failing: dict[str, Any]) -> None:
    with shared.client() as client:
        document = {**failing, "id": "typed", "initialStep": "divide", "steps": [STEPS[1], {**STEPS[4], "result": {}}],
                    "edges": [EDGES[1]], "payload": {"by": {"type": "number"}}}  # fmt: skip
        client.post("/api/workflows", json=document).raise_for_status()
        run = client.post("/api/workflow/start/typed", json={"data": {"by": 0}}).json()
        assert run["status"] == "failed"
        answer = client.post(
            f"/api/workflow/rerun/{run['runId']}", json={"stepId": "divide", "data": {"by": "four"}}
        )
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, "data.by")


def test_a_rerun_survives_kill_9_and_keeps_the_caught_error(server: Server) -> None:
    flow = {"id": "caught", "name": "C", "initialStep": "divide", "payload": {"by": {"type": "number"}},
            "steps": [STEPS[1], STEPS[2], {"id": "ask", "type": "request-user-action"},
                      {"id": "end", "type": "end-flow", "result": {"why": "{{ steps.look.output.why }}"}}],
            "edges": [{"from": "divide", "to": "end"}, {"from": "divide", "to": "look", "on": "error"},
                      {"from": "look", "to": "ask"}, {"from": "ask", "to": "end"}]}  # fmt: skip
    with server.client() as client:
        client.post("/api/workflows", json=flow).raise_for_status()
        run = client.post("/api/workflow/start/caught", json={"data": {"by": 0}}).json()["runId"]
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()
        first = settled(client, run, "completed")
        again = client.post(f"/api/workflow/rerun/{run}", json={"stepId": "look"}).json()["runId"]
        settled(client, again, "paused")
        server.kill()
        server.start()
        client.post(f"/api/workflow/resume/{again}", json=answer).raise_for_status()
        assert settled(client, again, "completed")["result"] == first["result"] != {"why": ""}


def test_a_chain_of_reruns_keeps_its_history_after_the_first_run_is_deleted(
    server: Server,
) -> None:
    loop = {"id": "looping", "name": "L", "initialStep": "ask", "maxStepExecutions": 4,
            "steps": [{"id": "ask", "type": "collect-inputs", "output": {"by": {"type": "number"}}},
                      STEPS[1], {"id": "again", "type": "request-user-action",
                       "actions": [{"value": "yes"}, {"value": "no"}],
                       "output": {"go": {"type": "string", "value": "{{ result.actionValue }}"}}},
                      {"id": "end", "type": "end-flow", "result": {"x": "{{ data.x }}"}}],
            "edges": [{"from": "ask", "to": "divide"}, {"from": "divide", "to": "again"},
                      {"from": "again", "to": "divide", "condition": "data.go == 'yes'"},
                      {"from": "again", "to": "end"}]}  # fmt: skip

    def go(client: httpx.Client, run: str, value: str) -> None:
        settled(client, run, "paused")
        answer = {"type": "request_user_action", "actionId": "again", "actionValue": value}
        client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()

    def again(client: httpx.Client, run: str, step: str, **data: Any) -> str:
        body = {"stepId": step, "data": data}
        answer = client.post(f"/api/workflow/rerun/{run}", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["runId"])

    with server.client() as client:
        client.post("/api/workflows", json=loop).raise_for_status()
        first = client.post("/api/workflow/start/looping", json={"data": {"by": 5}}).json()["runId"]
        go(client, first, "no")
        assert settled(client, first)["result"] == {"x": 2}
        second = again(client, first, "divide", by=2)
        go(client, second, "yes")
        go(client, second, "no")
        ended = settled(client, second)
        assert (ended["status"], ended["error"]["type"]) == ("failed", "TooManySteps")
        third = again(client, second, "again")

        def history() -> list[tuple[str, int, str | None]]:
            return [
                (entry["stepId"], entry.get("visit", 1), entry.get("carriedFrom"))
                for entry in settled(client, third)["stepExecutionHistory"]
            ]

        past = [
            ("ask", 1, first),
            ("divide", 1, second),
            ("again", 1, second),
            ("divide", 2, second),
        ]
        assert history() == [*past, ("again", 2, None)]
        refused = client.post(f"/api/workflow/rerun/{third}", json={"stepId": "divide"})
        assert refused.status_code == 409
        go(client, third, "no")
        assert settled(client, third)["result"] == {"x": 5}
        refused = client.post(f"/api/workflow/rerun/{third}", json={"stepId": "divide"})
        assert f"run {second} did step divide" in refused.json()["details"][0]["message"]
        for run in (first, second):
            client.delete(f"/api/workflow/runs/{run}").raise_for_status()
        assert history() == [*past, ("again", 2, None), ("end", 1, None)]
        with client.stream("GET", f"/api/workflow/events/{third}") as reported:
            began = json.loads(reported.read().decode().partition("data: ")[2].partition("\n")[0])
        assert began["carriedVisits"] == 4
        server.kill()
        server.start()
        assert history() == [*past, ("again", 2, None), ("end", 1, None)]
    assert command("verify", "--data", server.data)["faults"] == 0


def test_a_visit_is_a_number_and_one_of_a_deleted_run_is_refused(shared: Server) -> None:
    with shared.client() as client:
        steps = [
            {"id": "nap", "type": "wait", "duration": "1ms"},
            {"id": "end", "type": "end-flow"},
        ]
        flow = {
            "id": "naps",
            "name": "N",
            "initialStep": "nap",
            "steps": steps,
            "edges": [{"from": "nap", "to": "end"}],
        }
        client.post("/api/workflows", json=flow).raise_for_status()
        first = client.post("/api/workflow/start/naps", json={}).json()["runId"]
        refused = client.post(f"/api/workflow/rerun/{first}", json={"stepId": "end", "visit": "1"})
        assert (refused.status_code, "visit" in refused.text) == (400, True), refused.text
        again = client.post(f"/api/workflow/rerun/{first}", json={"stepId": "end"}).json()["runId"]
        settled(client, again)
        asked = {"stepId": "nap", "visit": 1}
        reported = client.post(f"/api/workflow/rerun/{again}", json=asked).json()["message"]
        assert f"run {first} did step nap, visit 1; name that run instead" in reported
        client.delete(f"/api/workflow/runs/{first}").raise_for_status()
        reported = client.post(f"/api/workflow/rerun/{again}", json=asked).json()["message"]
        assert f"run {first} did step nap, visit 1 and has been deleted" in reported
