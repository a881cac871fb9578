"""Models of agents, over HTTP: fallbacks, summaries of long conversations, the first tool call."""

from typing import Any

import httpx

from tests.harness.agents import agent, flow, turns
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import Server
from tests.harness.workflows import create, start, status, straight


def flow_of(client: httpx.Client, number: int, **more: Any) -> str:
    step = {"id": "work", "type": "call-agent", "agentId": "falls", "message": "Hello", **more}
    return create(client, f"falls-{number}", [step], straight("work"))


def test_a_fallback_model_is_asked_when_one_fails(shared: Server) -> None:
    with (
        shared.client() as client,
        ModelServer(Reply("no more today", status=429)) as tired,
        ModelServer(Reply("Here I am.")) as other,
    ):
        agent(client, other, "stands-in")
        address = {"provider": "openai", "baseUrl": tired.openai, "model": "m", "retries": 0}
        client.put("/api/models/tired", json={**address, "fallback": ["nobody", "stands-in"]})
        document = {"id": "falls", "name": "Falls", "instructions": "Work.", "model": "tired"}
        assert client.post("/api/agents", json=document).status_code == 201
        outcome = start(client, flow(client, "falls"), q="1")
        assert outcome["status"] == "completed", outcome
        assert (len(tired.requests), len(other.requests)) == (1, 1)
        calls = status(client, outcome["runId"])["stepExecutionHistory"][0]["calls"]
        assert [call["model"] for call in calls] == ["m-2026"]
        # The fallbacks of a step replace those of the model; the error names all that failed.
        outcome = start(client, flow_of(client, 2, fallback=["nobody"]), q="1")
        assert outcome["error"]["type"] == "RateLimited"
        assert (
            "fallbacks asked instead: nobody: there is no model nobody"
            in outcome["error"]["message"]
        )
        # The model of a step replaces that of the agent.
        outcome = start(client, flow_of(client, 3, model="stands-in", reasoning="low"), q="1")
        assert outcome["status"] == "completed"
        assert other.requests[-1].body["reasoning_effort"] == "low"
        assert len(tired.requests) == 2


def test_a_long_conversation_is_summarized_and_the_summary_is_shown(shared: Server) -> None:
    def answer(request: Request) -> Reply:
        messages = request.body["messages"]
        if not request.body.get("tools"):
            return Reply("We have looked at 1.", input_tokens=900)
        if "We have looked" in str(messages):
            return Reply(tool_calls=[("deliver", {"text": str(len(messages))})])
        return Reply(tool_calls=[("add", {"a": 1, "b": 2})], input_tokens=600 * len(messages) // 2)

    with shared.client() as client, ModelServer(answer) as models:
        context = {"maxTokens": 500, "keepLast": 1, "summarize": {"instructions": "Be short."}}
        more: dict[str, Any] = {
            "output": {"text": {"type": "string"}}, "tools": ["add"], "toolChoice": "required",
            "instructions": "Work. " * 300, "context": context,
        }  # fmt: skip
        name = agent(client, models, "sums-up", **more)
        outcome = start(client, flow(client, name), q="1")
        assert outcome["status"] == "completed", outcome
        summary = next(one for one in models.requests if not one.body.get("tools"))
        assert summary.body["messages"][0]["content"] == "Be short."
        assert models.requests[0].body["tool_choice"] == "required"
        (said,) = client.get(f"/api/workflow/runs/{outcome['runId']}/transcript").json()["visits"]
        shown = [one for one in said["messages"] if one["role"] == "summary"]
        assert [one["text"] for one in shown] == ["We have looked at 1."]
        assert said["usage"]["calls"] == len(models.requests)


def test_the_first_answer_must_call_the_tool_that_is_named(shared: Server) -> None:
    replies = turns(Reply(tool_calls=[("add", {"a": 1})]), Reply("Two."))
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "begins-so", tools=["add", "transform"], toolChoice="add")
        assert start(client, flow(client, name), q="1")["status"] == "completed"
        assert [one.body.get("tool_choice") for one in models.requests] == [
            {"type": "function", "function": {"name": "add"}}, None,
        ]  # fmt: skip
