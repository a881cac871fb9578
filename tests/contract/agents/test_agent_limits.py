"""Limits of agents, over HTTP: they include child runs, can ask a person, and can be continued."""

from typing import Any

import httpx

from tests.harness.agents import APPROVAL, OUTPUT, agent, flow, turns
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, status, straight

WORKS = Reply(tool_calls=[("add", {"a": 1, "b": 2})])
DELIVERS = Reply(tool_calls=[("deliver", {"answer": 3})])


def rerun(client: httpx.Client, run_id: str, **more: Any) -> str:
    body = {"stepId": "work", **more}
    answer = client.post(f"/api/workflow/rerun/{run_id}", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["runId"])


def test_the_token_limit_of_an_agent_includes_the_workflows_that_it_calls(shared: Server) -> None:
    def reply(request: Request) -> Reply:
        if "tools" in request.body and len(request.body["messages"]) < 4:
            return Reply(tool_calls=[("spender", {})], input_tokens=100, output_tokens=10)
        return Reply("hm", input_tokens=100, output_tokens=10)

    with shared.client() as client, ModelServer(reply) as models:
        tools, limits = [{"workflow": "spender"}], {"maxTokens": 300}
        name = agent(client, models, "payer", limits=limits, tools=tools)
        asking = [{"id": f"ask-{n}", "type": "call-llm", "model": "payer", "prompt": "?"} for n in range(4)]  # fmt: skip
        create(client, "spender", asking, straight(*(step["id"] for step in asking)), tool=True)
        failed = start(client, flow(client, name), q="?")
        document = settled(client, failed["runId"], "failed")
        assert document["error"]["type"] == "TokenLimit"
        assert len(models.requests) == 3, "of four questions of the child two had room"
        (child_id,) = document["childRunIds"]
        child = status(client, child_id)
        assert (child["status"], child["error"]["type"]) == ("failed", "TokenLimit")
        assert failed["runId"] in child["error"]["message"]
        usage = document["usage"]
        assert (usage["calls"], usage["inputTokens"], usage["outputTokens"]) == (3, 300, 30)


def test_tokens_of_child_runs_count_in_the_usage_of_their_parent(shared: Server) -> None:
    cached = b'{"choices": [{"message": {"content": "hm"}, "finish_reason": "stop"}], "usage": \
{"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}}}'
    prices = {"input": 2, "output": 10, "cachedInput": 0.5}
    with shared.client() as client, ModelServer(Reply(raw=cached)) as models:
        model = {"provider": "openai", "baseUrl": models.openai, "model": "m", "prices": prices}
        client.put("/api/models/counted", json=model)
        asking = [{"id": "ask", "type": "call-llm", "model": "counted", "prompt": "?"}]
        create(client, "counting", asking, straight("ask"))
        step = {"id": "each", "type": "call-workflow", "workflowId": "counting", "items": "{{ [1, 2] }}"}  # fmt: skip
        create(client, "counts", [step], straight("each"))
        document = settled(client, start(client, "counts")["runId"], "completed")
        usage = document["usage"]
        assert (usage["calls"], usage["inputTokens"], usage["cachedTokens"]) == (2, 20, 16)
        assert usage["cost"] == 2 * (2 * 2 + 8 * 0.5 + 2 * 10) / 1_000_000


def test_a_rerun_of_an_agent_continues_from_its_last_answer(shared: Server) -> None:
    replies = turns(WORKS, WORKS, DELIVERS)
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "kept", tools=["add"], output=OUTPUT, limits={"maxTurns": 2})
        failed = start(client, flow(client, name), q="?")
        assert (failed["status"], failed["error"]["type"]) == ("failed", "TooManyTurns")
        again = settled(client, rerun(client, failed["runId"], keepCalls=True), "completed")
        assert len(models.requests) == 3, "what was answered was not asked again"
        (entry, _) = again["stepExecutionHistory"]
        kept = [call["name"] for call in entry["calls"] if call.get("keptFrom") == failed["runId"]]
        assert kept == ["turn-1", "turn-1/call-1", "turn-2", "turn-2/call-1"]
        assert again["usage"]["calls"] == 1, "what was paid for is not counted again"
        again = settled(client, rerun(client, failed["runId"]), "failed")
        assert (len(models.requests), again["usage"]["calls"]) == (5, 2)


def test_a_call_that_is_not_approved_in_time_is_rejected(shared: Server) -> None:
    terms = [{"tool": "add", "approval": {"deadline": "100ms"}}]
    with shared.client() as client, ModelServer(turns(WORKS, DELIVERS)) as models:
        name = agent(client, models, "late", tools=terms, output=OUTPUT)
        outcome = start(client, flow(client, name), q="?")
        document = settled(client, outcome["runId"], "completed")
        assert "in time" in models.requests[1].body["messages"][-1]["content"]
        (decision,) = [c for c in document["stepExecutionHistory"][0]["calls"] if "approved" in c]
        assert (decision["approved"], decision["by"]) == (False, "deadline")


def test_temporary_failures_are_retried_unless_the_step_has_its_own_policy(shared: Server) -> None:
    replies = (Reply("busy", status=503), WORKS, Reply("busy", status=503), DELIVERS)
    with shared.client() as client, ModelServer(*replies) as models:
        name = agent(client, models, "busy", tools=["add"], output=OUTPUT)
        outcome = start(client, flow(client, name), q="?")
        document = settled(client, outcome["runId"], "completed")
        assert (len(models.requests), document["usage"]["calls"]) == (4, 2)
    with shared.client() as client, ModelServer(Reply("busy", status=503)) as models:
        name = agent(client, models, "busy-2", tools=APPROVAL)
        retry = {"maxAttempts": 2, "initialInterval": "1ms"}
        error = start(client, flow(client, name, retry=retry), q="?")["error"]
        assert (error["type"], error["attempts"], len(models.requests)) == ("Overloaded", 2, 2)
