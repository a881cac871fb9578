"""Guards before and after an agent, and agents that hand over to another agent, over HTTP."""

import httpx

from tests.harness.agents import OUTPUT, agent, flow, turns
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, straight


def guarding(client: httpx.Client, name: str, allowed: str, *, asks: bool = False) -> None:
    """Create a guard: a workflow that decides whether an agent may continue."""
    result = {"allowed": allowed, "reason": "it says {{ data.message }}"}
    steps = [{"id": "says", "type": "end-flow", "result": result}]
    if asks:
        steps.insert(0, {"id": "ask", "type": "request-user-action", "message": "May it?"})
    edges = [{"from": "ask", "to": "says"}] if asks else []
    document = {
        "id": name,
        "name": name,
        "initialStep": steps[0]["id"],
        "steps": steps,
        "edges": edges,
    }
    assert client.post("/api/workflows", json=document).status_code == 201


def test_a_guard_allows_or_refuses(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("deliver", {"answer": 7})], input_tokens=10, output_tokens=5)
    )
    with shared.client() as client, ModelServer(replies) as models:
        guarding(client, "no-swearing", "{{ 'damn' not in data.message }}")
        guarding(client, "asks-first", "{{ data.output.answer == 7 }}", asks=True)
        guards = {
            "before": ["message | length < 40", {"workflow": "no-swearing"}],
            "after": [{"condition": "output.answer < inputs.most", "message": "too much"},
                      {"workflow": "asks-first"}],
        }  # fmt: skip
        name = agent(client, models, "guarded", output=OUTPUT, guards=guards)
        workflow = flow(client, name, inputs={"most": "{{ data.most }}"})
        for q, most, reported in (
            ("x" * 40, 9, "agent guarded does not take this message: guards.before[0] refuses it"),
            ("damn", 9, "does not take this message: it says What is damn?"),
            ("1", 5, "agent guarded may not deliver this: too much"),
        ):  # fmt: skip
            asked = len(models.requests)
            error = start(client, workflow, q=q, most=most)["error"]
            assert error["type"] == "GuardRefused"
            assert reported in error["message"]
            assert len(models.requests) - asked == (most == 5), "refused before it costs anything"
        outcome = start(client, workflow, q="1", most=9)
        assert outcome["pauseSignal"]["stepId"] == "ask", "a guard may ask a person"
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
        asked = len(models.requests)
        client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer)
        done = settled(client, outcome["runId"], "completed")
        assert done["stepExecutionHistory"][0]["outputData"] == {"answer": 7}
        assert len(models.requests) == asked, "nothing is asked again"
        said = client.get(f"/api/workflow/runs/{outcome['runId']}/transcript").json()["visits"][0]
        assert [(one["name"], one["allowed"]) for one in said["messages"] if one["role"] == "guard"] == [
            ("guard/before-2", True), ("guard/after-2", True),
        ]  # fmt: skip
        wrong = {"before": ["output.x"], "after": [{"condition": "nobody"}, {}]}
        document = {"name": "W", "instructions": "W.", "guards": wrong}
        refused = client.post("/api/agents", json=document)
        assert refused.status_code == 400
        assert {"guards.after[0].condition", "guards.after[1]"} <= {
            item["path"] for item in refused.json()["details"]
        }


def test_an_agent_hands_over_to_another_within_the_visit(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("add", {"a": 1, "b": 2}), ("hand_over_to_billing", {"reason": "money"}),
                          ("hand_over_to_front", {})]),
        Reply(tool_calls=[("bill", {})]),
        Reply(tool_calls=[("hand_over_to_front", {})]),
        Reply(tool_calls=[("deliver", {"answer": 3})]),
    )  # fmt: skip
    with shared.client() as client, ModelServer(replies) as models:
        step = {"id": "ask", "type": "request-user-action", "message": "Bill?"}
        create(client, "bill", [step], straight("ask"), tool=True)
        agent(client, models, "front", tools=["add"], output=OUTPUT, limits={"maxTurns": 4})
        agent(client, models, "billing", handoffs=["front"], tools=[{"workflow": "bill"}],
              instructions="Bill for {{ inputs.who }}.", temperature=0.5, description="does bills")  # fmt: skip
        stored = client.get("/api/agents/front").json()
        changed = client.put(
            "/api/agents/front", json={**stored, "handoffs": ["billing", "nobody"]}
        )
        assert changed.status_code == 200, changed.text
        assert [one["path"] for one in changed.json()["warnings"]] == ["handoffs[1]"]
        workflow = flow(client, "front", inputs={"who": "Ada"})
        assert start(client, workflow, q="1")["error"]["type"] == "UnknownAgent"
        client.put("/api/agents/front", json={**stored, "handoffs": ["billing", "front"]})
        outcome = start(client, workflow, q="1")
        assert outcome["status"] == "paused", outcome
        shared.kill()
        shared.start()
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer)
        done = settled(client, outcome["runId"], "completed")
        assert done["stepExecutionHistory"][0]["outputData"] == {"answer": 3}
        assert len(models.requests) == 4, "each answer was asked for once"
        bodies = [request.body for request in models.requests]
        systems = [[m["content"] for m in body["messages"] if m["role"] == "system"] for body in bodies]  # fmt: skip
        assert [len(reported) for reported in systems] == [1, 1, 1, 1]
        assert [reported[0].partition("\n")[0] for reported in systems] == [
            "Work.", "Bill for Ada.", "Bill for Ada.", "Work.",
        ]  # fmt: skip
        offered = [[tool["function"]["name"] for tool in body["tools"]] for body in bodies]
        assert offered[1] == ["bill", "hand_over_to_front", "deliver"]
        assert offered[3] == offered[0]
        assert [body.get("temperature") for body in bodies] == [None, 0.5, 0.5, None]
        reported = [m["content"] for m in bodies[1]["messages"] if m["role"] == "tool"]
        assert '"sum": 3' in reported[0]
        assert "yours now" in reported[1]
        assert "already" not in reported[1]
        assert "NotMade" in reported[2]
        calls = done["stepExecutionHistory"][0]["calls"]
        assert [call["tool"] for call in calls if "tool" in call] == [
            "add", "handoff:billing", "bill", "handoff:front",
        ]  # fmt: skip
        said = client.get(f"/api/workflow/runs/{outcome['runId']}/transcript").json()["visits"][0]
        spoke = [one.get("agent") for one in said["messages"] if one["role"] == "assistant"]
        assert spoke == [None, "billing", "billing", "front"]
        usage = client.get("/api/usage", params={"by": "agent"}).json()["usage"]
        assert {one["agentId"]: one["calls"] for one in usage if one["agentId"] in ("front", "billing")} == {
            "front": 2, "billing": 2,
        }  # fmt: skip
