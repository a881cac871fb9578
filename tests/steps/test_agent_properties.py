"""Properties of an agent's visit under random models, tools, people, limits and kills."""

import asyncio
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import JsonObject, OnInterrupted, Pauses
from steps.contract.step_type import Done, StepBroke
from steps.effects.chat import ChatAnswer, ChatRequest, Message, Usage
from steps.effects.effects import ToolContext
from steps.models.tokens import input_tokens
from steps.testing import FakeEffects, chat_answer
from steps.tools.asks import asking
from steps.tools.tools import tool
from tests.steps.agents import OUTPUT, Visit, calls

_MOST_EXECUTIONS = 2_000


@tool
def books(n: int, context: ToolContext) -> JsonObject:
    """Ask a person from within the call, as tools of MCP servers do."""
    if not context.answers:
        question: JsonObject = {"message": f"Book {n}?", "schema": {"properties": {"sure": {"type": "boolean"}}}}  # fmt: skip
        raise asking("books", question, {"state": f"begun {n}"})
    (answer,) = context.answers
    return {"said": answer["value"], "standing": answer["standing"]}


class Killed(BaseException):
    """Simulate a kill of the process."""


class KilledEffects(FakeEffects):
    """Effects that kill the process at random: before the work, before its record, or after it."""

    chance: random.Random
    likely: float
    name: str = ""
    asked: "dict[str, ChatRequest]"

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        """Answer, and assert that a repeated question is unchanged."""
        before = self.asked.setdefault(self.name, request)
        assert before == request, f"{self.name} was asked in two ways"
        return await super().chat(request)

    async def record(self, name: str, work: Any) -> Any:
        self.name = name
        is_new = name not in self.records
        if is_new and self.chance.random() < self.likely:
            raise Killed
        if is_new and self.chance.random() < self.likely:
            await work()
            raise Killed
        value = await super().record(name, work)
        if is_new and self.chance.random() < self.likely:
            raise Killed
        return value


def model(seed: int) -> Any:
    """Return a model whose random answers depend only on the question."""

    def answer(request: ChatRequest) -> ChatAnswer:
        reported = "".join(repr(message) for message in request.messages)
        chance = random.Random(f"{seed} {reported}")
        kind = chance.choice(["text", "calls", "calls", "calls", "calls", "deliver"])
        if kind == "text":
            return chat_answer(f"Hm {chance.random()}", tokens=(10, 5))
        if kind == "deliver":
            wanted: list[tuple[str, Any]] = [("deliver", {"answer": chance.choice([1, "one", 2])})]
        else:
            wanted = []
        for _ in range(chance.randint(0 if wanted else 1, 3)):
            name = chance.choice(["good", "bad", "asked", "asked", "books", "unknown"])
            given_ = None if chance.random() < 0.1 else {"n": chance.randint(0, 9)}
            wanted.insert(chance.randint(0, len(wanted)), (name, given_))
        return calls(*wanted)

    return answer


def visit(seed: int, chance: random.Random, likely: float) -> tuple[Visit, KilledEffects]:
    def bad(_: Any) -> Any:
        raise StepBroke("Away", "not now")

    agent = {
        "name": "A", "instructions": "Do.", "output": OUTPUT,
        "tools": ["good", "bad", "books", {"tool": "asked", "approval": True}],
        "limits": {"maxTurns": 6, "maxTokens": 80, "onLimit": "ask"},
    }  # fmt: skip
    tools: dict[str, Any] = {
        "good": lambda given_: given_,
        "bad": bad,
        "asked": lambda given_: given_,
        "books": books,
    }
    ask = chance.choice([OnInterrupted.ASK, OnInterrupted.RETRY])
    found = Visit(tools=tools, agent=agent, on_interrupted=ask)
    effects = KilledEffects(answers=model(seed), tool_results=tools, agents={"a": agent})
    effects.step, effects.chance, effects.likely = found.step, chance, likely
    effects.asked = {}
    found.effects = effects
    return found, effects


def with_context(effects: KilledEffects, chance: random.Random) -> None:
    """Let the conversation grow, and be shortened in one of the two ways."""
    assert effects.agents is not None
    context = {
        "maxTokens": 600,
        "keepLast": chance.choice([1, 2]),
        "summarize": chance.random() < 0.5,
    }
    limits = {"maxTurns": 12, "maxTokens": 100_000, "onLimit": "ask"}
    effects.agents = {"a": {**effects.agents["a"], "context": context, "limits": limits}}
    random_model: Any = effects.answers

    def counted(request: ChatRequest) -> ChatAnswer:
        usage = Usage(input_tokens(request), 5)
        if not request.tools:
            return replace(chat_answer(f"In short: {len(request.messages[-1].parts)}"), usage=usage)
        answer: ChatAnswer = replace(random_model(request), usage=usage)
        return answer

    effects.answers = counted
    results = dict(effects.tool_results or {})
    effects.tool_results = {**results, "good": lambda given_: {"long": "x" * 2_000, **given_}}


def decide(at: Visit, pause: JsonObject, chance: random.Random) -> None:
    """Answer at random: all calls, one call, with an edit, with a higher limit, or no."""
    if "toolAsks" in pause:
        said: dict[str, Any] = {"data": {"sure": True}} if chance.random() < 0.5 else {}
        at.answer({**pause, "actionId": ""}, None if said else "decline", **said)
        return
    values: Any = pause["actions"]
    value = chance.choice([action["value"] for action in values])
    shown: Any = pause.get("calls")
    more: dict[str, Any] = {}
    if shown and chance.random() < 0.5:
        one = chance.choice(shown)
        more["actionId"] = one["actionId"]
        if value == "approved" and chance.random() < 0.5:
            more["data"] = {"n": 77}
    at.answer(pause, value, **more)


async def to_its_end(at: Visit, chance: random.Random) -> "Done | StepBroke":
    for _ in range(_MOST_EXECUTIONS):
        try:
            outcome = await at.execute()
        except Killed:
            continue
        except StepBroke as broke:
            return broke
        if isinstance(outcome, Done):
            return outcome
        assert isinstance(outcome, Pauses)
        decide(at, outcome.pause.body, chance)
    raise AssertionError("it does not come to an end")


def replayed(effects: KilledEffects, turns: list[tuple[int, str]]) -> None:
    """Repeat the last question from the records before it: it is identical byte for byte."""
    _, last = turns[-1]
    names = list(effects.records)
    until = names.index(last) if last in names else len(names)
    again = Visit(tools={}, agent=None)
    other = KilledEffects(answers=lambda _: calls(("deliver", {"answer": 1})),
                          tool_results=effects.tool_results, agents=effects.agents)  # fmt: skip
    other.step, other.likely, other.asked, other.chance = effects.step, 0, {}, effects.chance
    other.records = {name: effects.records[name] for name in names[:until]}
    again.effects, again.step = other, effects.step
    asyncio.run(again.execute())
    assert repr(other.asked[last]) == repr(effects.asked[last])


def unanswered(messages: tuple[Message, ...]) -> list[str]:
    """Return the calls without exactly one outcome right after the answer that made them."""
    wrong: list[str] = []
    for at, message in enumerate(messages):
        wanted = [call.id for call in message.tool_calls]
        reported = [item.tool_call_id for item in messages[at + 1 : at + 1 + len(wanted)]]
        wrong += [] if reported == wanted else [f"{wanted} {reported}"]
    return wrong


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), likely=st.sampled_from([0.0, 0.1, 0.3]))
@pytest.mark.parametrize("grows", [False, True])
def test_the_properties_hold_for_every_visit(grows: bool, seed: int, likely: float) -> None:
    chance = random.Random(seed)
    at, effects = visit(seed, chance, likely)
    if grows:
        with_context(effects, chance)
    end = asyncio.run(to_its_end(at, chance))
    for asked in effects.questions:
        assert unanswered(asked.messages) == [], "a call without exactly one outcome"
    turns = sorted((int(name[5:]), name) for name in effects.asked if "/" not in name)
    for (_, one), (_, other) in pairwise(turns):
        before, after = effects.asked[one].messages, effects.asked[other].messages
        assert grows or after[: len(before)] == before, "earlier messages have changed"
    replayed(effects, turns)
    assert "KeyError" not in repr(effects.records), "a tool was not at its expected place"
    kept = dict(effects.records)
    made = len(effects.tool_uses)
    effects.likely, effects.answers = 0, None
    again = asyncio.run(to_its_end(at, chance))
    assert (effects.records, len(effects.tool_uses)) == (kept, made), "a replay has done something"
    if isinstance(end, Done):
        assert again == end
    else:
        assert isinstance(again, StepBroke)
        assert again.error == end.error


@pytest.mark.parametrize("likely", [0.0, 0.3])
def test_the_outcome_is_the_same_without_kills(likely: float) -> None:
    ends = {repr(type(asyncio.run(to_its_end(visit(seed, random.Random(seed), likely)[0], random.Random(seed))))) for seed in range(40)}  # fmt: skip
    assert len(ends) == 2, "some deliver and some fail"
