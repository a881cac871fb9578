"""Long conversations are shortened; the model gets the same messages again after a crash."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from steps.agents.agent import compile_agent
from steps.call_agent import CallAgent, CallAgentSettings
from steps.contract.step_type import Done
from steps.document.problems import InvalidDefinition
from steps.effects.agent_exchange import Exchange
from steps.effects.chat import ChatRequest, TextPart
from steps.models.tokens import input_tokens
from steps.testing import chat_answer
from tests.steps.agents import Visit, calls, delivers

LONG = "x" * 4_000  # about 1,000 tokens


def texts(request: ChatRequest) -> list[str]:
    return [
        "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
        for message in request.messages
    ]


def counted(turns: int) -> Any:
    """Return a visit whose model calls `look` `turns` times, then delivers, with exact token counts."""

    def answer(request: ChatRequest) -> Any:
        looked = at_work.effects.tool_uses
        tokens = (input_tokens(request), 10)
        if not request.tools:
            return chat_answer(f"SUMMARY {len(looked)}", tokens=tokens)
        if len(looked) == turns:
            return delivers()
        return calls(("look", {"n": len(looked)}), tokens=tokens)

    at_work = visit(answer)
    return at_work


def visit(answer: Any, **context: Any) -> Visit:
    agent = {"context": context or CONTEXT, "limits": {"maxTurns": 40}}
    tools = {"look": lambda given: f"{given['n']} {LONG}"}
    found = Visit(tools=tools, agent=agent)
    found.effects.answers = answer
    return found


CONTEXT: dict[str, Any] = {"maxTokens": 5_000, "keepLast": 2}


def replayed(at: Visit) -> None:
    """Remove records one by one from the end: every question is repeated unchanged."""
    asked = [request for request in at.effects.questions if request.tools]
    kept = dict(at.effects.records)
    turns = [name for name in kept if name.startswith("turn-") and "/" not in name]
    for number in range(1, len(turns) + 1):
        again = Visit(delivers(), tools={"look": LONG}, agent=at.effects.agents["a"])  # type: ignore[index]
        names = list(kept)
        until = names.index(f"turn-{number}")
        again.effects.records = {name: kept[name] for name in names[:until]}
        questions = again.effects.questions
        run(again)
        assert questions[0] == asked[number - 1], number


def run(at: Visit) -> None:
    asyncio.run(at.execute())


def test_old_results_are_dropped_in_batches_of_many_turns() -> None:
    at = counted(12)
    run(at)
    asked = at.effects.questions
    sizes = [input_tokens(request) for request in asked]
    assert max(sizes) <= 6_200, "one answer and its results over the limit, at most"
    assert sum(sizes) < 0.6 * sum(1_000 * n for n in range(len(asked)))
    shortened = [n for n, (a, b) in enumerate(pairwise(sizes)) if b < a]
    assert len(shortened) <= 4, "what is before stays the same for several turns"
    last = texts(asked[-1])
    assert "Left out to save room: 4,002 characters" in last[3]
    assert [text[:2] for text in last if text.endswith(LONG)][-2:] == ["10", "11"]
    replayed(at)


def test_old_messages_are_summarized_and_the_summary_is_recorded() -> None:
    at = counted(12)
    at.effects.agents = {"a": {**at.effects.agents["a"], "context": {**CONTEXT, "summarize": True}}}
    run(at)
    asked = at.effects.questions
    summaries = [request for request in asked if not request.tools]
    assert 2 <= len(summaries) <= 4
    assert "0 xxx" in texts(summaries[0])[1]
    assert "calls look with" in texts(summaries[0])[1]
    assert "SUMMARY" in texts(summaries[1])[1], "the summary before is part of the next"
    last = texts(asked[-1])
    assert last[1].count("SUMMARY") == 1
    assert asked[-1].messages[2].role == "assistant"
    names = [name for name in at.effects.records if name.endswith("/summary")]
    assert len(names) == len(summaries)
    used: Any = at.effects.records[names[0]]
    assert used["usage"]["inputTokens"] > 2_500
    replayed(at)


async def test_a_long_thread_drops_its_oldest_exchanges() -> None:
    said = [Exchange(n, f"question {n} {LONG}", f"answer {n}") for n in range(1, 11)]
    at = Visit(delivers(), agent={"context": CONTEXT}, threads={"t": said})
    settings = CallAgentSettings.model_validate(
        {"agentId": "a", "message": "And now?", "threadId": "t"}
    )
    assert isinstance(await CallAgent().execute(settings, at.step, at.effects), Done)
    reported = texts(at.effects.questions[0])
    assert len(reported) == 1 + 4 + 1
    assert "left out to save room" in reported[1]
    assert "question 9" in reported[1]


def test_a_context_setting_without_effect_is_refused() -> None:
    document = {"name": "A", "instructions": "Do."}
    with pytest.raises(InvalidDefinition, match="summarize"):
        compile_agent({**document, "context": {"maxTokens": 900, "clearResults": False}})
