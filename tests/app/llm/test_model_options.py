"""Options of model documents, agents and steps, and the requests they lead to."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.llm.prices import priced
from app.settings.llm import ModelDocument, Prices
from steps.contract.step_type import StepBroke
from steps.effects.chat import ChatRequest, Message, TextPart, ToolSpec
from steps.testing import chat_answer
from tests.harness.asking import KEY, PROVIDERS, ask, says
from tests.harness.model_server import ModelServer, Reply

SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = ToolSpec("look", "Looks", {"type": "object", "properties": {}})


async def sent(folder: Path, provider: str, request: ChatRequest, **more: Any) -> Any:
    with ModelServer(Reply("hi")) as server:
        await ask(folder, server, provider, request, **more)
    return server.requests[-1]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_options_and_headers_are_sent(tmp_path: Path, provider: str) -> None:
    more = {"options": {"top_p": 0.5, "own": {"a": 1}},
            "headers": {"X-Gateway": "plain", "X-Auth": "secret:model-key"}}  # fmt: skip
    request = await sent(tmp_path, provider, says("hi", temperature=0.3), **more)
    assert (request.body["top_p"], request.body["own"]) == (0.5, {"a": 1})
    assert request.body["temperature"] == 0.3
    assert (request.headers["x-gateway"], request.headers["x-auth"]) == ("plain", KEY)


@pytest.mark.parametrize(
    ("wrong", "reported"),
    [
        ({"options": {"stream": True}}, "stream"),
        ({"headers": {"Authorization": "x"}}, "Authorization"),
        ({"headers": {"X-A": "a\nb"}}, "printable"),
        ({"reasoning": 100}, "takes words"),
        ({"reasoning": "a lot"}, "reasoning"),
    ],
)
def test_options_that_cannot_be_sent_are_refused(wrong: Any, reported: str) -> None:
    with pytest.raises(ValidationError, match=reported):
        ModelDocument.model_validate({"provider": "openai", "model": "m", **wrong})


async def test_reasoning_is_requested_in_the_providers_format(tmp_path: Path) -> None:
    asked = says("hi", reasoning="low")
    assert (await sent(tmp_path, "openai", asked, reasoning="high")).body["reasoning_effort"] == "low"  # fmt: skip
    body = (await sent(tmp_path, "anthropic", asked)).body
    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    body = (await sent(tmp_path, "anthropic", says("hi", reasoning=2_000, max_tokens=100))).body
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (2_000, 2_100)
    with pytest.raises(StepBroke, match="takes words"):
        await sent(tmp_path, "openai", says("hi", reasoning=2_000))


def conversation(**more: Any) -> ChatRequest:
    said = [Message("system", (TextPart("Be brief."),))]
    for number in range(3):
        said.append(Message("user", (TextPart(f"question {number}"),)))
        said.append(Message("assistant", (TextPart("answer"),)))
    said.append(Message("user", (TextPart("the last"),)))
    return ChatRequest(None, tuple(said), tools=(TOOL,), conversation="run-1", **more)


def marks(body: Any) -> list[Any]:
    return [
        block.get("text")
        for message in [{"content": body["system"]}, *body["messages"]]
        for block in (message["content"] if isinstance(message["content"], list) else ())
        if "cache_control" in block
    ]


async def test_repeated_prefixes_of_an_agent_are_cached_by_the_provider(tmp_path: Path) -> None:
    body = (await sent(tmp_path, "anthropic", conversation(caches=True))).body
    assert marks(body) == ["Be brief.", "question 2", "the last"]
    assert marks((await sent(tmp_path, "anthropic", conversation())).body) == []
    never = await sent(tmp_path, "anthropic", conversation(caches=True), cache=False)
    assert marks(never.body) == []
    other = (await sent(tmp_path, "openai", conversation(caches=True))).body
    assert "prompt_cache_key" not in other, "only where it is known"


async def test_writes_to_a_cache_are_priced(tmp_path: Path) -> None:
    raw = (
        b'{"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",'
        b'"usage": {"input_tokens": 100, "cache_creation_input_tokens": 1000,'
        b'"cache_read_input_tokens": 10000, "output_tokens": 10}}'
    )
    with ModelServer(Reply(raw=raw)) as server:
        usage = (await ask(tmp_path, server, "anthropic", says("hi"))).usage
    assert (usage.input_tokens, usage.cached_tokens, usage.written_tokens) == (11_100, 10_000, 1_000)  # fmt: skip
    prices = Prices(input=3, output=15, cachedInput=0.3, cacheWrite=3.75)
    assert priced(usage, prices).cost_nano == 100 * 3_000 + 1_000 * 3_750 + 10_000 * 300 + 10 * 15_000  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("where", ["model", "step"])
async def test_structured_output_may_be_requested_by_a_tool(tmp_path: Path, provider: str, where: str) -> None:  # fmt: skip
    said = {"structured": "tool"}
    request = says("hi", schema=SCHEMA, **(said if where == "step" else {}))
    with ModelServer(Reply(tool_calls=[("answer", {"city": "Paris"})])) as server:
        answer = await ask(tmp_path, server, provider, request, **(said if where == "model" else {}))  # fmt: skip
    assert [call.arguments for call in answer.tool_calls] == [{"city": "Paris"}]
    body = server.requests[0].body
    assert "response_format" not in body
    choice = {"openai": "required", "anthropic": {"type": "tool", "name": "answer"}}
    assert body["tool_choice"] == choice[provider]


def test_a_trial_answer_counts_no_cached_tokens() -> None:
    assert "cacheWrittenTokens" not in chat_answer("hi").usage.to_json()
