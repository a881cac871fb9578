"""Agents and structured output with the variants of the OpenAI format that servers use."""

import json
from typing import Any

import pytest

from tests.harness.agents import agent, flow
from tests.harness.dialects import (
    CACHED_TOKENS,
    DIALECTS,
    INPUT_TOKENS,
    OLLAMA,
    OUTPUT_TOKENS,
    Dialect,
    Said,
)
from tests.harness.model_server import ModelServer
from tests.harness.server import Server
from tests.harness.workflows import create, start, straight

FIRST = Said(
    thought="Let me add.", calls=[("add", '{"a": 1, "b": 2}'), ("add", '{"a": 3, "b": 4}')]
)
BROKEN = Said(thought="Once more.", calls=[("add", '{"a": 1, "b":')])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_an_agent_works_with_the_variant(shared: Server, dialect: Dialect, stream: bool) -> None:
    tenant = f"speaks-{dialect.name}-{stream}".lower()
    speaks = dialect.speaks(FIRST, BROKEN, Said("Done."))
    with shared.client(tenant=tenant) as client, ModelServer(speaks) as server:
        name = agent(client, server, "adds", tools=["add"])
        document = {"provider": "openai", "model": "m", "baseUrl": server.openai, "stream": stream,
                    "retries": 0}  # fmt: skip
        assert client.put(f"/api/models/{name}", json=document).status_code == 200
        run = start(client, flow(client, name), q="?")
        assert run["status"] == "completed", run.get("error")
        asked = [request.body["messages"] for request in server.requests]
        if dialect.name == "mistral" and stream:
            # A server that refuses `stream_options` is asked again without it, for each request.
            assert [bool(request.body.get("stream_options")) for request in server.requests] == [True, False] * 3  # fmt: skip
            asked = asked[1::2]
        assert len(asked) == 3
        said = [message for message in asked[-1] if message["role"] == "assistant"]
        assert [dialect.thoughts(message) for message in said] == ["Let me add.", "Once more."]
        results = [message["content"] for message in asked[-1] if message["role"] == "tool"]
        assert results[:2] == ['{"sum": 3}', '{"sum": 7}']
        assert "not a JSON object" in results[2]
        usage = client.get(f"/api/workflow/status/{run['runId']}").json()["usage"]
        assert "estimated" not in usage
        counted = (usage["inputTokens"], usage["outputTokens"])
        assert counted == (3 * INPUT_TOKENS, 3 * OUTPUT_TOKENS)
        cached = 0 if dialect is OLLAMA else 3 * CACHED_TOKENS
        assert usage.get("cachedTokens", 0) == cached


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_structured_output_is_requested_and_a_refusal_is_reported(
    shared: Server, dialect: Dialect
) -> None:
    with (
        shared.client(tenant=f"fields-{dialect.name}") as client,
        ModelServer(dialect.speaks(Said('{"total": 3}', thought="Adding."))) as server,
    ):
        document: dict[str, Any] = {"provider": "openai", "model": "m", "baseUrl": server.openai}
        client.put("/api/models/m", json=document)
        ask = {"id": "ask", "type": "call-llm", "prompt": "?", "output": {"total": {"type": "integer"}}}  # fmt: skip
        name = create(client, "fields", [ask], straight("ask"))
        run = start(client, name)
        assert run["data"]["total"] == 3, run.get("error")
        assert server.requests[0].body["response_format"]["type"] == "json_schema"
        if dialect.name == "mistral":
            client.put("/api/models/m", json={**document, "options": {"no_such": 1}})
            error = start(client, name)["error"]
            assert (error["type"], "body.no_such: Extra inputs" in error["message"]) == ("ModelRejected", True)  # fmt: skip
            assert json.dumps(error).count("Extra inputs") == 1
