"""Properties of an agent's visit, over random models, tools, people, limits and kills."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import JsonObject, OnInterrupted, Pauses
from steps.chat import ChatAnswer, ChatRequest, Message
from steps.contract import Done, StepBroke
from steps.testing import FakeEffects, chat_answer
from tests.steps.agents import OUTPUT, Visit, calls

_MOST_EXECUTIONS = 200


class Killed(BaseException):
    """The process ends here."""


class KilledEffects(FakeEffects):
    """Effects of a process that ends now and then: before work, before its record, or after it."""

    chance: random.Random
    likely: float

    async def record(self, name: str, work: Any) -> Any:
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
    """Return a model that answers by what it is asked, whatever comes to its mind."""

    def answer(request: ChatRequest) -> ChatAnswer:
        told = "".join(repr(message) for message in request.messages)
        chance = random.Random(f"{seed} {told}")
        kind = chance.choice(["text", "calls", "calls", "calls", "calls", "deliver"])
        if kind == "text":
            return chat_answer(f"Hm {chance.random()}", tokens=(10, 5))
        if kind == "deliver":
            wanted: list[tuple[str, Any]] = [("deliver", {"answer": chance.choice([1, "one", 2])})]
        else:
            wanted = []
        for _ in range(chance.randint(0 if wanted else 1, 3)):
            name = chance.choice(["good", "bad", "asked", "asked", "unknown"])
            given_ = None if chance.random() < 0.1 else {"n": chance.randint(0, 9)}
            wanted.insert(chance.randint(0, len(wanted)), (name, given_))
        return calls(*wanted)

    return answer


def visit(seed: int, chance: random.Random, likely: float) -> tuple[Visit, KilledEffects]:
    def bad(_: Any) -> Any:
        raise StepBroke("Away", "not now")

    agent = {
        "name": "A", "instructions": "Do.", "output": OUTPUT,
        "tools": ["good", "bad", {"tool": "asked", "approval": True}],
        "limits": {"maxTurns": 6, "maxTokens": 80, "onLimit": "ask"},
    }  # fmt: skip
    tools: dict[str, Any] = {
        "good": lambda given_: given_,
        "bad": bad,
        "asked": lambda given_: given_,
    }
    ask = chance.choice([OnInterrupted.ASK, OnInterrupted.RETRY])
    found = Visit(tools=tools, agent=agent, on_interrupted=ask)
    effects = KilledEffects(answers=model(seed), tool_results=tools, agents={"a": agent})
    effects.step, effects.chance, effects.likely = found.step, chance, likely
    found.effects = effects
    return found, effects


def decide(at: Visit, pause: JsonObject, chance: random.Random) -> None:
    """Answer as people do: all, one, with an edit, more of it, or no."""
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


def unanswered(messages: tuple[Message, ...]) -> list[str]:
    """Return the calls that have not exactly one outcome right after the answer that made them."""
    wrong: list[str] = []
    for at, message in enumerate(messages):
        wanted = [call.id for call in message.tool_calls]
        told = [item.tool_call_id for item in messages[at + 1 : at + 1 + len(wanted)]]
        wrong += [] if told == wanted else [f"{wanted} {told}"]
    return wrong


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), likely=st.sampled_from([0.0, 0.1, 0.3]))
def test_every_visit_holds(seed: int, likely: float) -> None:
    chance = random.Random(seed)
    at, effects = visit(seed, chance, likely)
    end = asyncio.run(to_its_end(at, chance))
    by_turn: dict[int, ChatRequest] = {}
    for asked in effects.questions:
        assert unanswered(asked.messages) == [], "a call without its one outcome"
        turn = sum(message.role == "assistant" for message in asked.messages)
        assert by_turn.setdefault(turn, asked) == asked, "a turn was asked in two ways"
    for turn in sorted(by_turn)[1:]:
        before, after = by_turn[turn - 1].messages, by_turn[turn].messages
        assert after[: len(before)] == before, "what was said has changed"
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
def test_the_same_ends_come_without_kills(likely: float) -> None:
    ends = {repr(type(asyncio.run(to_its_end(visit(seed, random.Random(seed), likely)[0], random.Random(seed))))) for seed in range(40)}  # fmt: skip
    assert len(ends) == 2, "some deliver and some fail"
