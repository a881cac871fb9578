"""Replays: recorded visits with another version of the agent or another model."""

from typing import Any

import httpx
import pytest

from tests.harness.agents import OUTPUT
from tests.harness.processes import run
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, straight

AGENT: dict[str, Any] = {
    "id": "counts", "name": "Counts", "instructions": "Count for {{ inputs.who }} of {{ data.q }}.",
    "model": "old", "tools": ["add", {"tool": "explode", "approval": True}], "output": OUTPUT,
}  # fmt: skip


def says(*answers: Any) -> dict[str, Any]:
    return {"provider": "scripted", "model": "s", "scripts": [{"answers": list(answers)}]}


def adds(a: int, b: int) -> Any:
    return {"calls": [{"tool": "add", "arguments": {"a": a, "b": b}}], "inputTokens": 10, "outputTokens": 1}  # fmt: skip


SUM = {"output": {"answer": "{{ asked.results[0].sum }}"}, "inputTokens": 20, "outputTokens": 2}


@pytest.fixture(scope="module")
def recorded(shared: Server) -> dict[str, Any]:
    """Start a run whose agent adds 1 and 2, followed by another step."""
    with shared.client() as client:
        client.put("/api/models/old", json=says(adds(1, 2), SUM))
        client.put("/api/models/new", json=says(adds(5, 5), {"output": {"answer": 99}}))
        assert client.post("/api/agents", json=AGENT).status_code == 201
        step = {"id": "work", "type": "call-agent", "agentId": "counts", "message": "Add",
                "inputs": {"who": "{{ context.who | default('me') }}"}, "output": OUTPUT}  # fmt: skip
        after = {
            "id": "after",
            "type": "call-tool",
            "toolId": "add",
            "inputs": {"a": "{{ data.answer }}"},
        }
        workflow = create(client, "recorded", [step, after], straight("work", "after"))
        outcome = start(client, workflow, q="apples")
        assert (outcome["status"], outcome["data"]["answer"]) == ("completed", 3), outcome
        return {"runId": outcome["runId"]}


def replayed(client: httpx.Client, run_id: str, **body: Any) -> Any:
    made = client.post(f"/api/workflow/replay/{run_id}", json=body)
    assert made.status_code == 200, made.text
    settled(client, made.json()["runId"])
    return client.get(f"/api/workflow/replay/{made.json()['runId']}").json()


def test_a_replay_of_the_same_agent_is_equal_and_calls_no_tool(
    shared: Server, recorded: dict[str, Any]
) -> None:
    with shared.client() as client:
        found = replayed(client, recorded["runId"])
        assert (found["same"], found["changes"], found["status"]) == (True, [], "completed")
        assert found["of"] == {"runId": recorded["runId"], "stepId": "work", "visit": 1}
        assert found["after"]["recorded"] == {"exact": 1, "near": 0, "none": 0}
        assert (found["before"]["tokens"], found["after"]["tokens"]) == (33, 33)
        said = client.get(f"/api/workflow/runs/{found['runId']}/transcript").json()["visits"]
        assert said[0]["messages"][0]["text"].startswith("Count for me of apples.")
        steps = client.get(f"/api/workflow/status/{found['runId']}").json()["stepExecutionHistory"]
        assert [step["stepId"] for step in steps] == ["work", "end-of-replay"]


def test_a_replay_with_another_model_is_compared(shared: Server, recorded: dict[str, Any]) -> None:
    with shared.client() as client:
        found = replayed(client, recorded["runId"], model="new")
        assert not found["same"]
        assert found["after"]["recorded"] == {"exact": 0, "near": 1, "none": 0}
        assert [(one["path"], one["before"], one["after"]) for one in found["changes"]] == [
            ("output.answer", 3, 99),
            ("calls", [{"tool": "add", "arguments": {"a": 1, "b": 2}}],
             [{"tool": "add", "arguments": {"a": 5, "b": 5}}]),
        ]  # fmt: skip
        refused = client.post(f"/api/workflow/replay/{found['runId']}", json={})
        assert refused.status_code == 400
        assert client.get(f"/api/workflow/replay/{recorded['runId']}").status_code == 404


def test_a_visit_that_a_rerun_took_over_is_replayed_from_the_run_that_did_it(
    shared: Server, recorded: dict[str, Any]
) -> None:
    with shared.client() as client:
        first = start(client, "recorded", q="pears")["runId"]
        again = client.post(f"/api/workflow/rerun/{first}", json={"stepId": "after"}).json()[
            "runId"
        ]
        settled(client, again)

        def refusal() -> str:
            answer = client.post(f"/api/workflow/replay/{again}", json={"stepId": "work"})
            assert answer.status_code == 400
            return str(answer.json()["message"])

        assert f"run {first} did step work, visit 1; name that run instead" in refusal()
        client.delete(f"/api/workflow/runs/{first}").raise_for_status()
        assert f"run {first} did step work, visit 1 and has been deleted" in refusal()


def test_a_new_version_is_checked_by_replays_and_published(
    shared: Server, recorded: dict[str, Any]
) -> None:
    with shared.client() as client:
        changed = {"instructions": "Count well.", "checks": [recorded["runId"]]}
        version = client.put("/api/agents/counts", json=changed).json()["version"]
        options = ("--url", shared.address, "--key", shared.key(), "--tenant", "acme")
        shown = run("replay", "--checks", "counts", "--publish", *options)
        assert shown.returncode == 0, shown.stderr + shown.stdout
        assert "1 same" in shown.stdout
        assert f"published version {version} of counts" in shown.stdout
        assert client.get("/api/agents/counts?version=published").json()["version"] == version
        shown = run("replay", recorded["runId"], "--model", "new", *options)
        assert shown.returncode == 1
        assert "output.answer: 3 -> 99" in shown.stdout
