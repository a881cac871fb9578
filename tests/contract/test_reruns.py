"""Running a run again from a step: what came before is kept and not done again."""

from typing import Any

import pytest

from tests.harness.echo import Echo
from tests.harness.server import Server, settled

STEPS = [
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


def test_only_what_follows_the_step_is_done_again(shared: Server, failing: dict[str, Any]) -> None:
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
        assert [entry["stepId"] for entry in document["stepExecutionHistory"]] == ["divide", "end"]
        assert document["origin"] == {
            "runId": first["runId"],
            "stepId": "divide",
            "seq": document["origin"]["seq"],
        }
        assert len(echo.seen) == calls
        old = client.get(f"/api/workflow/status/{first['runId']}").json()
        assert (old["result"]["by"], old["origin"]) == (0.5, None)


def test_what_a_rerun_refuses(shared: Server, failing: dict[str, Any]) -> None:
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
        document = {**failing, "id": "typed", "initialStep": "divide", "steps": [STEPS[1], STEPS[4] | {"result": {}}],
                    "edges": [EDGES[1]], "payload": {"by": {"type": "number"}}}  # fmt: skip
        client.post("/api/workflows", json=document).raise_for_status()
        run = client.post("/api/workflow/start/typed", json={"data": {"by": 0}}).json()
        assert run["status"] == "failed"
        answer = client.post(
            f"/api/workflow/rerun/{run['runId']}", json={"stepId": "divide", "data": {"by": "four"}}
        )
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, "data.by")


def test_a_rerun_survives_kill_and_knows_the_error_that_was_caught(server: Server) -> None:
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
