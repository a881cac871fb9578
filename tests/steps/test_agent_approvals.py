"""Approval of tool calls: all at once, one by one, and under conditions."""

import json
from typing import Any

import pytest

from engine import JsonObject
from steps.agents.questions import unanswered
from steps.contract.step_type import InvalidAnswer
from tests.steps.agents import Visit, calls, delivers

TURN = calls(("pay", {"n": 1}), ("look", {}), ("pay", {"n": 2}), ("pay", {"n": 3}))


def visit(terms: Any = True, turn: Any = TURN) -> Visit:
    tools = {"pay": lambda arguments: {"paid": arguments["n"]}, "look": "seen"}
    agent = {"tools": [{"tool": "pay", "approval": terms}, "look"]}
    return Visit(turn, delivers(), tools=tools, agent=agent)


def paid(at: Visit) -> list[Any]:
    return [use.arguments["n"] for use in at.effects.tool_uses if use.tool_id == "pay"]


def named(pause: JsonObject) -> list[Any]:
    shown: Any = pause["calls"]
    return [call["call"] for call in shown]


async def test_calls_are_approved_together_and_others_are_made_before() -> None:
    at = visit()
    pause = await at.asked()
    assert named(pause) == ["turn-1/call-1", "turn-1/call-3", "turn-1/call-4"]
    assert (pause["actionId"], paid(at)) == ("work/turn-1", [])
    assert [use.tool_id for use in at.effects.tool_uses] == ["look"]
    at.answer(pause)
    await at.done()
    assert sorted(paid(at)) == [1, 2, 3]


async def test_calls_are_answered_one_by_one() -> None:
    at = visit()
    pause = await at.asked()
    shown: Any = pause["calls"]
    at.answer(pause, "rejected", actionId=shown[1]["actionId"], comment="no")
    pause = await at.asked()
    assert named(pause) == ["turn-1/call-1", "turn-1/call-4"]
    at.answer(pause, actionId=pause["calls"][0]["actionId"], data={"n": 9})  # type: ignore[index,call-overload] # JSON whose shape the test knows
    pause = await at.asked()
    assert (named(pause), pause["call"], paid(at)) == (["turn-1/call-4"], "turn-1/call-4", [9])
    at.answer(pause)
    await at.done()
    reported = at.reported()
    assert '{"n": 9}' in reported[0]
    assert json.loads(reported[2])["error"]["message"] == "a person rejected this call: no"
    assert json.loads(reported[3]) == {"paid": 3}


async def test_one_answer_decides_each_call_by_its_name() -> None:
    at = visit()
    pause = await at.asked()
    wrong: list[Any] = [
        {"turn-1/call-9": {"actionValue": "approved"}},
        {"turn-1/call-1": {"actionValue": "maybe"}},
        {"turn-1/call-1": {"actionValue": "approved", "data": 3}},
        [],
    ]
    for given in wrong:
        with pytest.raises(InvalidAnswer):
            at.answer(pause, None, data={"calls": given})
    with pytest.raises(InvalidAnswer, match="call-1: must be an object such as"):
        at.answer(pause, "approved", data={"calls": {"turn-1/call-1": "rejected"}})
    own = {"turn-1/call-1": {"actionValue": "rejected"}, "turn-1/call-3": {"actionValue": "approved", "data": {"n": 8}}}  # fmt: skip
    at.answer(pause, None, data={"calls": own})
    pause = await at.asked()
    assert (named(pause), paid(at)) == (["turn-1/call-4"], [8])
    at.answer(pause, "rejected")
    await at.done()
    assert paid(at) == [8]


async def test_a_condition_selects_the_calls_to_approve() -> None:
    at = visit({"when": "arguments.n > 2"})
    pause = await at.asked()
    assert (named(pause), sorted(paid(at))) == (["turn-1/call-4"], [1, 2])
    unclear = visit({"when": "arguments.missing > 2"})
    assert len(named(await unclear.asked())) == 3, "what cannot be evaluated is asked about"


async def test_only_approvers_may_decide() -> None:
    at = visit({"approvers": ["ada", "bob"]})
    pause = await at.asked()
    with pytest.raises(InvalidAnswer, match="only ada, bob"):
        at.answer(pause, by="eve")
    at.answer(pause, by="bob")
    await at.done()


async def test_a_deadline_rejects_and_is_not_restarted() -> None:
    at = visit({"deadline": "2h"}, calls(("pay", {"n": 1}), ("pay", {"n": 2})))
    first = await at.asked()
    at.effects.clock_ms += 3_600_000
    at.answer(first, actionId=first["calls"][0]["actionId"])  # type: ignore[index,call-overload] # JSON whose shape the test knows
    second = await at.asked()
    assert second["deadline"] == first["deadline"]
    at.take(unanswered(second))
    await at.done()
    assert paid(at) == [1]
    assert "nobody approved this call in time" in at.reported()[1]
