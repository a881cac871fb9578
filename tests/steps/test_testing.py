"""The test kit executes steps as the server does, and refuses calls that a test did not provide."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import Field

from engine import RunError
from steps import (
    AwaitsChildren,
    Done,
    Effects,
    GoesOn,
    InvalidAnswer,
    Outcome,
    Pause,
    Pauses,
    Problem,
    Sleeps,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
    ToolContext,
    tool,
)
from steps.call_agent import CallAgent
from steps.call_api import CallApi
from steps.call_llm import CallLlm
from steps.call_workflow import CallWorkflow
from steps.document.problems import InvalidDefinition
from steps.effects.chat import ChatRequest, Message, ToolCall
from steps.effects.child_runs import ChildrenOpen, ChildRun
from steps.effects.effects import ToolInfo
from steps.effects.http_messages import HttpRequest
from steps.effects.stored_file import StoredFile
from steps.request_user_action import RequestUserAction
from steps.testing import (
    FakeEffects,
    NotProvided,
    StepTrial,
    call_tool,
    chat_answer,
    child_end,
    http_response,
)
from steps.wait import Wait

AT = {"url": "https://shop.example.com/orders", "method": "POST"}
ASKED = ChatRequest(None, (Message("user"),))


async def test_a_step_is_executed_with_what_the_test_provides() -> None:
    effects = FakeEffects(responses=[http_response(201, json={"id": 7})], secrets={"T": "s3"})
    auth = {"type": "bearer", "token": "{{ secrets.T }}"}
    output = {"order": {"type": "integer", "value": "{{ response.body.id }}"}}
    step = StepTrial(
        CallApi(),
        {
            **AT,
            "auth": auth,
            "body": {"n": "{{ data.n }}"},
            "output": output,
            "expectedStatus": [201],
        },
        effects,
        data={"n": 5},
    )
    outcome = await step.execute()
    assert isinstance(outcome, Done)
    assert step.data == {"order": 7}
    (sent,) = effects.requests
    assert (sent.method, sent.content, sent.headers["Authorization"]) == (
        "POST", b'{"n": 5}', "Bearer s3",
    )  # fmt: skip


async def test_a_failed_attempt_is_followed_by_the_next_with_the_same_key() -> None:
    effects = FakeEffects(responses=[StepBroke("ConnectionFailed", "away"), http_response(503), http_response()])  # fmt: skip
    step = StepTrial(CallApi(), AT, effects)
    for kind, attempt in (("ConnectionFailed", 1), ("HttpStatus", 2)):
        assert step.attempt == attempt
        with pytest.raises(StepBroke) as broke:
            await step.execute()
        assert broke.value.error.type == kind
    await step.execute()
    assert len({request.headers["Idempotency-Key"] for request in effects.requests}) == 1


NOTHING: dict[str, Callable[[FakeEffects], Any]] = {
    "responses": lambda effects: effects.http(HttpRequest("GET", "https://a.example")),
    "answers": lambda effects: effects.chat(ASKED),
    "files": lambda effects: effects.file("f1"),
    "secrets": lambda effects: effects.secret("KEY"),
    "tool_results": lambda effects: effects.tool("t", {}),
    "agents": lambda effects: effects.agent("a", None),
    "workflows": lambda effects: effects.workflow_as_tool("w"),
    "child_runs": lambda effects: StepTrial(CallWorkflow(), {"workflowId": "w"}, effects).execute(),
}


@pytest.mark.parametrize("kind", NOTHING)
async def test_calls_that_were_not_provided_fail_the_test(kind: str) -> None:
    with pytest.raises(NotProvided, match=rf"FakeEffects\({kind}=\.\.\.\)"):
        await NOTHING[kind](FakeEffects())


async def test_an_answer_is_used_once_and_a_function_answers_always() -> None:
    effects = FakeEffects(responses=[http_response()], answers=lambda asked: chat_answer("yes"))
    await NOTHING["responses"](effects)
    with pytest.raises(NotProvided, match=r"sends GET https://a\.example"):
        await NOTHING["responses"](effects)
    for _ in range(3):
        assert (await effects.chat(ASKED)).text == "yes"


class CatchAllSettings(StepSettings):
    """No settings."""


class CatchAll(StepType[CatchAllSettings]):
    """Hides every failure of its calls."""

    type = "catch-all"
    settings = CatchAllSettings

    async def execute(
        self, settings: CatchAllSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        try:
            await effects.tool("read", {"file_id": "f1"})
        except Exception:  # noqa: BLE001 - this is what must not help
            return Done("hidden")
        return Done("read")


@tool
async def read(file_id: str, context: ToolContext) -> str:
    """Read a file."""
    stored = await context.file(file_id)
    return f"{stored.name} {context.idempotency_key}"


async def test_no_step_and_no_tool_can_hide_a_missing_provision() -> None:
    step = StepTrial(CatchAll(), {}, FakeEffects())
    with pytest.raises(NotProvided):
        await step.execute()
    step.effects.tool_results = {"read": read}
    with pytest.raises(NotProvided, match="reads the file f1"):
        await step.execute()
    step.effects.files = [StoredFile("f1", "a.txt", "text/plain", b"")]
    assert await step.execute() == Done("read")


async def test_a_missing_name_fails_as_on_the_server() -> None:
    effects = FakeEffects(
        files=[], secrets={"A": "1"}, tool_results={}, agents={}, workflows=[], child_runs={}
    )
    kinds = {
        "files": "FileNotFound", "secrets": "UnknownSecret", "tool_results": "UnknownTool",
        "agents": "UnknownAgent", "workflows": "UnknownTool", "child_runs": "UnknownWorkflow",
    }  # fmt: skip
    for name, kind in kinds.items():
        with pytest.raises(StepBroke) as broke:
            await NOTHING[name](effects)
        assert (broke.value.error.type, broke.value.error.retryable) == (kind, False)
        provided = {"secrets": "A"}.get(name, "none")
        assert broke.value.error.message.endswith(f"; the test provides {provided}")


@tool(id="add", pure=True)
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


async def test_tools_are_real_functions_or_results() -> None:
    effects = FakeEffects(
        tool_results={"add": add, "fixed": [1], "odd": {1}, "asked": lambda given: given["a"],
                      "broken": StepBroke("Refused", "no")}
    )  # fmt: skip
    assert await effects.tool("add", {"a": 2}) == 3
    assert (await effects.tool("fixed", {}), await effects.tool("asked", {"a": 9})) == ([1], 9)
    assert (effects.is_pure("add"), effects.is_pure("fixed")) == (True, False)
    for name, kind in (("odd", "InvalidToolResult"), ("broken", "Refused"), ("add", "InvalidToolInput")):  # fmt: skip
        with pytest.raises(StepBroke) as broke:
            await effects.tool(name, {"a": "x"}, "second")
        assert broke.value.error.type == kind
    assert effects.tool_uses[-1].idempotency_key == "run-1:step:1:second"
    listed = {info.id: info.description for info in await effects.tools()}
    assert (list(listed), listed["add"]) == (["add", "asked", "broken", "fixed", "odd"], "Add two numbers.")  # fmt: skip


async def test_a_tool_is_called_by_itself() -> None:
    assert await call_tool(add, {"a": 1}) == 2
    effects = FakeEffects(files=[StoredFile("f1", "a.txt", "text/plain", b"")])
    assert await call_tool(read, {"file_id": "f1"}, effects) == "a.txt run-1:step:1"
    with pytest.raises(StepBroke, match="did you mean"):
        await call_tool(read, {"file_di": "f1"}, effects)


class AskSettings(StepSettings):
    """The question to ask."""

    gives: Any = Field("fine", description="what the output is")


class Ask(StepType[AskSettings]):
    """Does recorded work, asks, and continues with a record or is done."""

    type = "ask"
    settings = AskSettings

    async def execute(self, settings: AskSettings, step: StepInput, effects: Effects) -> Outcome:
        async def work() -> Any:
            return (await effects.tool("count", {}), settings.gives)

        counted = await effects.record("counted", work)
        if effects.recalled("more") is not None:
            return Done({"counted": counted, "more": effects.recalled("more")})
        return Pauses(Pause("request_user_action", {"stepId": step.step_id, "counted": counted}))

    def accept(self, settings: AskSettings, step: StepInput, pause: Any, answer: Any) -> Any:
        match answer["actionValue"]:
            case "more":
                return GoesOn("more", {"by": answer["answeredBy"]})
            case "enough":
                return {"counted": pause["counted"]}
        raise InvalidAnswer([Problem("actionValue", "must be more or enough")])


async def test_a_pause_is_answered_and_finished_work_is_never_repeated() -> None:
    counts = iter(range(1, 9))
    effects = FakeEffects(tool_results={"count": lambda _: next(counts)})
    step = StepTrial(Ask(), {"output": {"counted": {"type": "array"}}}, effects)
    with pytest.raises(ValueError, match="does not wait"):
        await step.answer({"actionValue": "enough"})
    for _ in range(2):
        outcome = await step.execute()
        assert step.pause is not None
        assert outcome == Pauses(step.pause)
    assert step.pause is not None
    assert step.pause.body == {"stepId": "step", "counted": [1, "fine"]}
    with pytest.raises(InvalidAnswer):
        await step.answer({"actionValue": "none"})
    assert await step.answer({"actionValue": "more"}, by="bob") == Done(
        {"counted": [1, "fine"], "more": {"by": "bob"}}
    )
    assert isinstance(step.output, dict), "it is done"
    assert step.data == {"counted": [1, "fine"]}
    assert len(effects.tool_uses) == 1


async def test_an_answer_never_replaces_a_record() -> None:
    step = StepTrial(Ask(), {}, FakeEffects(tool_results={"count": lambda _: 1}))
    step.effects.records["more"] = None
    assert isinstance(await step.execute(), Pauses)
    assert isinstance(await step.answer({"actionValue": "more"}), Pauses)
    assert step.effects.records["more"] is None


async def test_an_answer_may_be_the_output_and_is_checked_as_one() -> None:
    step = StepTrial(Ask(), {"output": {"n": {"type": "integer"}}}, FakeEffects(tool_results={"count": 1}))  # fmt: skip
    await step.execute()
    with pytest.raises(InvalidAnswer, match=r"output\.n"):
        await step.answer({"actionValue": "enough"})
    assert step.pause is not None


class GiveSettings(StepSettings):
    """The value to return."""

    gives: Any = None


class Give(StepType[GiveSettings]):
    """Returns the value of its settings."""

    type = "give"
    settings = GiveSettings

    async def execute(self, settings: GiveSettings, step: StepInput, effects: Effects) -> Outcome:
        return settings.gives  # type: ignore[no-any-return] # what an extender may write


async def test_a_value_that_cannot_be_stored_fails_as_on_the_server() -> None:
    odd: list[Any] = [{1, 2}, dt.date(2026, 1, 1)]
    for outcome in (*map(Done, odd), Pauses(Pause("collect_inputs", {"n": float("nan")}))):
        step = StepTrial(Give(), {"gives": outcome}, FakeEffects())
        with pytest.raises(StepBroke) as broke:
            await step.execute()
        assert (broke.value.error.type, step.attempt) == ("InvalidOutput", 2)
    step = StepTrial(Give(), {"gives": "text"}, FakeEffects())
    with pytest.raises(TypeError, match="str is not an outcome"):
        await step.execute()
    with pytest.raises(StepBroke, match="record 'r' is not a JSON value"):
        await FakeEffects().record("r", _odd)


async def _odd() -> Any:
    return {1}


async def test_time_stands_still_until_the_test_moves_it() -> None:
    effects = FakeEffects(clock_ms=1_000)
    step = StepTrial(Wait(), {"duration": "5s"}, effects)
    assert await step.execute() == Sleeps(6_000)
    effects.clock_ms += 500
    assert await step.execute() == Sleeps(6_500)


async def test_child_runs_end_stay_open_or_pause() -> None:
    asks = Pause("request_user_action", {"actionId": "x"})
    effects = FakeEffects(child_runs={"a": lambda child: child_end(child.data["n"], data=child.data), "b": ChildrenOpen(1)})  # fmt: skip
    workflow = {"workflowId": "{{ item }}", "items": ["a", "b", "b", "a"], "data": {"n": "{{ index }}"},
                "concurrency": 2, "collect": "result"}  # fmt: skip
    step = StepTrial(CallWorkflow(), workflow, effects)
    assert await step.execute() == AwaitsChildren(4)
    assert list(effects.started) == [0, 1, 2], "two may be open at once"
    effects.child_runs = {**effects.child_runs, "b": ChildrenOpen(1, asks)}  # type: ignore[dict-item] # a stand-in of another shape
    assert await step.execute() == AwaitsChildren(4, asks)
    effects.child_runs["b"] = child_end("b")
    outcome = await step.execute()
    assert isinstance(outcome, Done)
    assert outcome.output == {"outputs": [0, "b", "b", 3], "errors": [], "completed": 4, "failed": 0}  # fmt: skip
    assert effects.started[3] == ChildRun("a", None, {"n": 3})


async def test_a_failed_child_run_fails_the_step_unless_the_others_continue() -> None:
    failed = child_end(error=RunError("pay", "Declined", "no money"), run_id="run-9")
    effects = FakeEffects(child_runs={"a": failed, "b": child_end()})
    step: dict[str, Any] = {"workflowId": "{{ item }}", "items": ["b", "a", "b"], "concurrency": 1}
    with pytest.raises(StepBroke, match=r"^no money$") as broke:
        await StepTrial(CallWorkflow(), step, effects).execute()
    error = broke.value.error
    assert (error.type, error.child_run_id, error.child_step_id) == ("Declined", "run-9", "pay")
    assert list(effects.started) == [0, 1]
    effects.started.clear()
    outcome = await StepTrial(
        CallWorkflow(), {**step, "onItemError": "continue"}, effects
    ).execute()
    assert isinstance(outcome, Done)
    assert outcome.output["failed"] == 1  # type: ignore[index,call-overload] # JSON whose shape the test knows


async def test_models_and_agents_are_scripted() -> None:
    effects = FakeEffects(
        answers=[chat_answer("no"), chat_answer('{"city": "Rome"}', tokens=(5, 2))]
    )
    fields = {"output": {"city": {"type": "string"}}}
    step = StepTrial(CallLlm(), {"prompt": "Which?", **fields}, effects)
    await step.execute()
    assert step.data == {"city": "Rome"}
    assert len(effects.questions) == 2
    agent = {"name": "Finder", "instructions": "Find it.", "tools": ["add"], **fields}
    wants = [chat_answer(tool_calls=[ToolCall("1", "add", {"a": 1})]),
             chat_answer(tool_calls=[ToolCall("2", "deliver", {"city": "Oslo"})])]  # fmt: skip
    effects = FakeEffects(answers=wants, agents={"finder": agent}, tool_results={"add": add})
    step = StepTrial(CallAgent(), {"agentId": "finder", "message": "Where?"}, effects)
    outcome = await step.execute()
    assert isinstance(outcome, Done)
    assert outcome.output == {"city": "Oslo"}
    assert list(effects.records) == ["agent", "turn-1", "turn-1/call-1", "turn-2"]
    assert (await effects.agent("finder", "latest")).version == "1.0.0"
    effects.agents = {"finder": {"name": "Finder"}}
    with pytest.raises(InvalidDefinition):
        await effects.agent("finder", None)
    info = ToolInfo("check", "Check it", {"type": "object"})
    assert await FakeEffects(workflows=[info]).workflow_as_tool("check") == info


def test_a_step_is_checked_as_at_a_save() -> None:
    with pytest.raises(InvalidDefinition) as invalid:
        StepTrial(CallApi(), {"url": "{{ oops", "methd": "GET"})
    assert {problem.path for problem in invalid.value.problems} == {
        "steps[0].url",
        "steps[0].methd",
    }
    deadline = StepTrial(RequestUserAction(), {"id": "ask", "deadline": "7d"})
    assert (deadline.input.step_id, deadline.input.idempotency_key) == ("ask", "run-1:ask:1")
