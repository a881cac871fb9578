"""An agent's turns: delivery, parallel calls, limits and records."""

import asyncio
import json
from typing import Any

import pytest

from engine import JsonObject, OnInterrupted, RunError
from steps.agents.records import kept_calls
from steps.contract.records import CHILD_USAGE
from steps.contract.step_type import InvalidAnswer, StepBroke
from steps.effects.chat import ToolCall
from steps.effects.child_runs import ChildrenOpen
from steps.effects.effects import ToolInfo
from steps.testing import chat_answer, child_end
from tests.steps.agents import OUTPUT, Visit, calls, delivers, log_of, meeting


async def test_an_agent_that_only_writes_text_is_asked_twice_to_deliver() -> None:
    visit = Visit(chat_answer("It is ten."))
    with pytest.raises(StepBroke) as broke:
        await visit.execute()
    assert broke.value.error.type == "InvalidOutput"
    assert "It is ten." in broke.value.error.message
    choices = [question.tool_choice for question in visit.effects.questions]
    assert choices == [None, "required", "deliver"]
    last: Any = visit.effects.questions[-1].messages[-1].parts[0]
    assert json.dumps(OUTPUT["answer"]) in last.text


async def test_an_agent_that_resumes_calls_after_a_text_is_not_forced_to_deliver() -> None:
    talk, work = chat_answer("Hm."), calls(("t", {}))
    visit = Visit(talk, work, talk, work, delivers(), tools={"t": 1})
    await visit.done()
    assert [question.tool_choice for question in visit.effects.questions] == [
        None, "required", None, "required", None,
    ]  # fmt: skip


async def test_an_invalid_delivery_is_answered_with_the_schema() -> None:
    visit = Visit(delivers("ten"), delivers(10))
    assert (await visit.done()).output == {"answer": 10}
    assert '"answer": {"type": "integer"}' in json.loads(visit.reported()[0])["error"]["message"]


async def test_calls_of_one_turn_run_in_parallel() -> None:
    visit = Visit(calls(*[("meet", {"n": n}) for n in range(4)]), delivers(), tools={"meet": meeting(4)})  # fmt: skip
    async with asyncio.timeout(30):
        await visit.done()
    assert [json.loads(reported) for reported in visit.reported()] == [
        {"met": 4, "n": n} for n in range(4)
    ]


async def test_a_failed_call_does_not_discard_the_results_of_others() -> None:
    tools = {"good": {"a": 1}, "bad": StepBroke("Away", "not now")}
    visit = Visit(calls(("bad", {}), ("good", {})), delivers(), tools=tools)
    done = await visit.done()
    assert [json.loads(reported) for reported in visit.reported()] == [
        {"error": {"type": "Away", "message": "not now"}}, {"a": 1},
    ]  # fmt: skip
    assert [call["ok"] for call in log_of(done)] == [False, True]


async def test_calls_after_the_delivery_are_logged_and_not_made() -> None:
    turn = calls(("t", {"n": 1}), ("deliver", {"answer": 1}), ("t", {"n": 2}))
    visit = Visit(turn, tools={"t": 0})
    done = await visit.done()
    assert [use.arguments for use in visit.effects.tool_uses] == [{"n": 1}]
    assert log_of(done) == [{"tool": "t", "ok": True}, {"tool": "t", "ok": False, "made": False}]


async def test_a_call_is_retried_by_its_policy_and_ends_at_its_timeout() -> None:
    fails = iter([StepBroke("Away", "no"), StepBroke("Away", "no"), 7])

    async def forever(_: Any) -> Any:
        await asyncio.Event().wait()

    tools: dict[str, Any] = {"again": lambda _: next(fails), "slow": forever}
    retry = {"maxAttempts": 3, "initialInterval": "1ms"}
    agent = {"tools": [{"tool": "again", "retry": retry}, {"tool": "slow", "timeout": "10ms"}]}
    visit = Visit(calls(("again", {}), ("slow", {})), delivers(), tools=tools, agent=agent)
    await visit.done()
    assert visit.effects.records["turn-1/call-1"]["attempts"] == 3
    first, second = (json.loads(reported) for reported in visit.reported())
    assert first == 7
    assert second["error"] == {"type": "Timeout", "message": "the call took longer than its limit of 0.01 s"}  # fmt: skip


CHECK = ToolInfo("check", "", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})  # fmt: skip
WORKFLOW = {"tools": [{"workflow": "check"}]}


async def test_a_workflow_called_with_wrong_arguments_starts_no_run() -> None:
    visit = Visit(
        calls(("check", {"n": "x"})), delivers(), agent=WORKFLOW, workflows=[CHECK], child_runs={}
    )
    await visit.done()
    assert not visit.effects.started
    assert "arguments.n" in json.loads(visit.reported()[0])["error"]["message"]


async def test_workflows_of_one_turn_run_in_parallel_and_their_tokens_count() -> None:
    stands: dict[str, Any] = {"check": ChildrenOpen(1)}
    visit = Visit(
        calls(("check", {"n": 1}), ("check", {"n": 2})), delivers(),
        agent={**WORKFLOW, "limits": {"maxTokens": 1_000}}, workflows=[CHECK], child_runs=stands,
    )  # fmt: skip
    assert (await visit.awaits()).total == 2
    assert [run.data for run in visit.effects.started.values()] == [{"n": 1}, {"n": 2}]
    usage = {"inputTokens": 400, "outputTokens": 90, "models": [{"model": "m"}]}
    ended = child_end(5)
    object.__setattr__(ended, "usage", usage)
    stands["check"] = ended
    done = await visit.done()
    assert visit.effects.records["turn-1/call-2"][CHILD_USAGE] == usage
    response: Any = done.got["response"]
    assert response["usage"] == {"inputTokens": 820, "outputTokens": 190}
    assert visit.effects.limits == [(1_000, None)]


async def test_a_child_run_that_uses_up_the_tokens_fails_the_step() -> None:
    ended = child_end(error=RunError("s", "TokenLimit", "used up"))
    object.__setattr__(ended, "usage", {"inputTokens": 999, "outputTokens": 1})
    visit = Visit(
        calls(("check", {"n": 1})), delivers(), workflows=[CHECK], child_runs={"check": ended},
        agent={**WORKFLOW, "limits": {"maxTokens": 1_000}},
    )  # fmt: skip
    with pytest.raises(StepBroke, match="1,000 tokens"):
        await visit.execute()
    assert len(visit.effects.questions) == 1


ASKS = {"limits": {"maxTurns": 2, "onLimit": "ask"}}
WORKS = calls(("t", {}))


@pytest.mark.parametrize("value", ["more", "stop"])
async def test_at_a_limit_a_person_extends_it_or_stops_the_agent(value: str) -> None:
    visit = Visit(WORKS, WORKS, WORKS, delivers(), tools={"t": 1}, agent={**ASKS, "tools": ["t"]})
    pause = await visit.asked()
    assert [action["value"] for action in pause["actions"]] == ["more", "deliver", "stop"]  # type: ignore[index,union-attr,call-overload] # JSON whose shape the test knows
    with pytest.raises(InvalidAnswer):
        visit.answer(pause, "approved")
    visit.answer(pause, value)
    if value == "stop":
        with pytest.raises(StepBroke) as broke:
            await visit.execute()
        assert broke.value.error.type == "TooManyTurns"
    else:
        await visit.done()
        assert len(visit.effects.questions) == 4


async def test_at_a_limit_a_person_may_request_delivery() -> None:
    visit = Visit(WORKS, WORKS, chat_answer("Well."), delivers(7), tools={"t": 1}, agent={**ASKS, "tools": ["t"]})  # fmt: skip
    visit.answer(await visit.asked(), "deliver")
    assert (await visit.done()).output == {"answer": 7}
    assert [question.tool_choice for question in visit.effects.questions] == [
        None, None, "deliver", "deliver",
    ]  # fmt: skip
    again = Visit(WORKS, tools={"t": 1}, agent={**ASKS, "tools": ["t"]})
    again.answer(await again.asked(), "deliver")
    with pytest.raises(StepBroke, match="was told to deliver"):
        await again.execute()
    assert len(again.effects.questions) == 4


class ProcessEnds(BaseException):
    """Simulate the end of the process in the middle of a call."""


async def test_calls_in_doubt_after_a_crash_are_asked_about_by_name_and_arguments() -> None:
    happened: list[Any] = []

    def tool(arguments: Any) -> Any:
        happened.append(arguments)
        if len(happened) == 1:
            raise ProcessEnds
        return {"n": len(happened)}

    def visit() -> Visit:
        return Visit(calls(("t", {"a": 1})), delivers(), tools={"t": tool}, on_interrupted=OnInterrupted.ASK)  # fmt: skip

    first = visit()
    with pytest.raises(ProcessEnds):
        await first.execute()
    pause = await first.asked()
    assert (pause["tool"], pause["arguments"]) == ("t", {"a": 1})
    assert len(first.effects.questions) == 1, "the model was not asked again"
    refused: list[tuple[str, dict[str, Any]]] = [("happened", {"data": {"x": 1}}), ("again", {"data": {"x": 1}}), ("maybe", {})]  # fmt: skip
    for value, wrong in refused:
        with pytest.raises(InvalidAnswer):
            first.answer(pause, value, **wrong)
    records = dict(first.effects.records)
    first.answer(pause, "happened", data={"result": {"n": 1}})
    await first.done()
    assert (json.loads(first.reported()[0]), len(happened)) == ({"n": 1}, 1)
    for value, reported in (("skip", "InDoubt"), ("again", '{"n": 2}')):
        other = visit()
        other.effects.records.update(records)
        other.answer(pause, value)
        await other.done()
        assert reported in other.reported()[0]
        assert len(happened) == (2 if value == "again" else 1)


def test_a_rerun_reuses_recorded_calls() -> None:
    def answer(*tools: str, finish: str = "stop") -> JsonObject:
        made = chat_answer(tool_calls=[ToolCall("c", tool, {}) for tool in tools])
        return {**made.to_json(), "finish": finish}

    kept: JsonObject = {
        "agent": {}, "turn-1": answer("t"), "turn-1/call-1": {}, "turn-1/call-1/approval": {},
        "turn-2": answer("t"), "turn-2/call-1/begun-1": {}, "limit-1": {"value": "stop"},
    }  # fmt: skip
    wanted = ["turn-1", "turn-1/call-1", "turn-1/call-1/approval", "turn-2", "turn-2/call-1/begun-1"]  # fmt: skip
    ends: list[JsonObject] = [{}, {"turn-3": answer("t", finish="length")}, {"turn-3": answer(), "turn-4": answer()}]  # fmt: skip
    for more in ends:
        assert list(kept_calls({**kept, **more})) == wanted
