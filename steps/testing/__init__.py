"""The test kit for step types and tools: execute them without a server.

    async def test_a_partner_that_refuses_fails_the_step() -> None:
        effects = FakeEffects(responses=[http_response(409)])
        step = StepTrial(TellPartner(), {"url": "https://partner.example.com"}, effects)
        with pytest.raises(StepBroke, match="status 409"):
            await step.execute()

It works with any test runner that can await.
"""

import json as json_text
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine import AwaitsChildren, Json, JsonObject, Pause, Pauses, RunError, Sleeps
from steps.contract.keeps_asking import KeepsAsking
from steps.contract.step_type import (
    AnyStepType,
    Done,
    GoesOn,
    InvalidAnswer,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
)
from steps.definition import compile_definition
from steps.document.compiled import CompiledStep
from steps.document.outputs import deliver
from steps.effects.chat import ChatAnswer, Finish, ToolCall, Usage
from steps.effects.child_runs import ChildEnd
from steps.effects.http_messages import HttpResponse
from steps.end_flow import EndFlow
from steps.language.strict_json import as_kept
from steps.registry import Registry
from steps.testing.fake_effects import FakeEffects
from steps.testing.marked_tools import call_marked
from steps.testing.not_provided import NotProvided, ToolUse

__all__ = [
    "FakeEffects",
    "NotProvided",
    "StepTrial",
    "ToolUse",
    "call_tool",
    "chat_answer",
    "child_end",
    "http_response",
]


class StepTrial:
    """One visit of a step, executed as often as a test wants.

    Each execution after the first is like one after a crash, a failed attempt, a pause or the end
    of a child run: records are returned instead of repeating the work. No timeout is applied, and
    an exception other than `StepBroke` reaches the test instead of becoming `StepCrashed`.

    Attributes:
        effects: The effects of every attempt.
        visit: How often the run has entered the step, including this time.
        attempt: The number of the next attempt; a failed attempt increases it.
        pause: What the step waits for, while it waits for a person.
        output: The whole output of the newest `Done`.
        data: Its declared output fields, as they are merged into the run's data.
    """

    def __init__(
        self,
        step_type: AnyStepType,
        step: Mapping[str, Any],
        effects: FakeEffects | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        scope: Mapping[str, Any] | None = None,
    ) -> None:
        """Check and compile the step as saving its definition does.

        Args:
            step_type: The step type.
            step: The step as in a definition; `id` and `type` may be left out.
            effects: What the step may use; by default nothing.
            data: The run's data, for expressions.
            scope: Additional names for expressions, such as `context`.

        Raises:
            InvalidDefinition: The step is not valid; `problems` has a path for each.
        """
        self.effects = effects or FakeEffects()
        self.visit = self.attempt = 1
        self.pause: Pause | None = None
        self.output: Any = None
        self.data: dict[str, Any] = {}
        self._step = _compiled(step_type, step)
        self._scope: Mapping[str, Json] = {
            "data": dict(data or {}), "steps": {}, "context": {}, "run": _RUN, **(scope or {}),
        }  # fmt: skip

    @property
    def input(self) -> StepInput:
        """The input of the next attempt."""
        return StepInput(
            run_id=str(_RUN["id"]),
            step_id=self._step.id,
            visit=self.visit,
            attempt=self.attempt,
            idempotency_key=f"{_RUN['id']}:{self._step.id}:{self.visit}",
            scope=self._scope,
            output=self._step.output.specs,
        )

    async def execute(self) -> Outcome:
        """Execute the step once.

        Returns:
            Its outcome, as the journal would store it.

        Raises:
            StepBroke: The attempt failed, or its outcome is not JSON or lacks the declared output.
            NotProvided: It used something that the effects do not provide.
        """
        given = self.input
        self.effects.step = given
        self.pause = None
        try:
            outcome = self._kept(
                await self._step.type.execute(self._step.settings, given, self.effects)
            )
        except StepBroke:
            self.attempt += 1
            raise
        if isinstance(outcome, Pauses):
            self.pause = outcome.pause
        return outcome

    async def answer(self, answer: Mapping[str, Any], *, by: str = "ada") -> Outcome:
        """Answer the pause, and return what follows.

        Args:
            answer: The body of a resume, such as `{"actionValue": "approved"}`.
            by: The name of the person who answers.

        Returns:
            `Done` if the answer is the step's output, `Pauses` if the same pause wants more
            answers. If the step continues with the answer, the answer is kept as a record and the
            step is executed again.

        Raises:
            InvalidAnswer: The answer does not fit; the step still waits.
            ValueError: The step does not wait for a person.
        """
        if self.pause is None:
            raise ValueError("the step does not wait for an answer; execute it first")
        signed: JsonObject = {
            "type": self.pause.type, **answer, "answeredBy": by, "answeredAt": _STARTED_AT,
        }  # fmt: skip
        given, settings = self.input, self._step.settings
        taken = self._step.type.accept(settings, given, self.pause.body, signed)
        if isinstance(taken, GoesOn):
            value = as_kept("the answer is", taken.value, "InvalidOutput")[0]
            self.effects.records.setdefault(taken.name, value)
            return await self.execute()
        if isinstance(taken, KeepsAsking):
            self.pause = replace(self.pause, body={**self.pause.body, **taken.body})
            return Pauses(self.pause)
        try:
            done = self._kept(Done(taken))
        except StepBroke as broke:
            raise InvalidAnswer([Problem("data", broke.error.message)]) from broke
        self.pause = None
        return done

    def _kept(self, outcome: Outcome) -> Outcome:
        what = f"step {self._step.id} gave what is"
        match outcome:
            case Done():
                self.output, self.data = as_kept(
                    what, deliver(self._step, outcome, self._scope), "InvalidOutput"
                )[0]
                return replace(outcome, output=self.output)
            case Pauses():
                body = as_kept(what, outcome.pause.body, "InvalidOutput")[0]
                return replace(outcome, pause=replace(outcome.pause, body=body))
            case Sleeps() | AwaitsChildren():
                return outcome
        raise TypeError(f"a {type(outcome).__name__} is not an outcome of a step")


async def call_tool(
    function: Callable[..., Any], arguments: Mapping[str, Any], effects: FakeEffects | None = None
) -> Json:
    """Call a function marked with `@tool` as a step does, with its arguments checked.

    Args:
        function: The function.
        arguments: The arguments.
        effects: The files and the step that the tool can see; by default none.

    Returns:
        The result as JSON.

    Raises:
        StepBroke: The tool failed, or cannot take these arguments.
    """
    return await call_marked(function, dict(arguments), (effects or FakeEffects()).tool_context())


def http_response(
    status: int = 200,
    *,
    json: Any = None,
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return a response for `FakeEffects(responses=[...])`.

    Args:
        status: The HTTP status.
        json: A JSON body, sent with its `content-type`; None: no body.
        content: A body of bytes, if `json` is not given.
        headers: Additional headers; names in lower case.

    Returns:
        The response.
    """
    if json is None:
        return HttpResponse(status, dict(headers or {}), content)
    given = {"content-type": "application/json", **(headers or {})}
    return HttpResponse(status, given, json_text.dumps(json).encode())


def chat_answer(
    text: str = "",
    *,
    tool_calls: Sequence[ToolCall] = (),
    finish: Finish | None = None,
    tokens: tuple[int, int] = (1, 1),
) -> ChatAnswer:
    """Return a model's answer for `FakeEffects(answers=[...])`.

    Args:
        text: The text of the answer.
        tool_calls: The tool calls that it requests.
        finish: Why it stopped; by default `tool_calls` if there are some, else `stop`.
        tokens: The numbers of tokens read and written.

    Returns:
        The answer.
    """
    why = finish or ("tool_calls" if tool_calls else "stop")
    return ChatAnswer(text, tuple(tool_calls), why, "fake", Usage(*tokens), latency_ms=0)


def child_end(
    result: Any = None,
    *,
    data: Mapping[str, Any] | None = None,
    error: RunError | None = None,
    run_id: str = "run-2",
) -> ChildEnd:
    """Return the end of a child run for `FakeEffects(child_runs={...})`.

    Args:
        result: The run's result.
        data: The run's data at its end.
        error: Why it failed; None: it completed.
        run_id: Its id.

    Returns:
        How it ended.
    """
    return ChildEnd(run_id, dict(data or {}), result, error)


_STARTED_AT = "2026-01-01T00:00:00Z"
_RUN: JsonObject = {
    "id": "run-1", "workflowId": "trial", "version": "1.0.0", "startedAt": _STARTED_AT,
}  # fmt: skip


def _compiled(step_type: AnyStepType, step: Mapping[str, Any]) -> CompiledStep:
    """Compile a workflow of this one step, and return the step."""
    whole: JsonObject = {"id": "step", "type": step_type.type, **step}
    step_id = str(whole["id"])
    steps: list[Json] = [whole]
    edges: list[Json] = []
    types = [step_type]
    if not step_type.ends:
        types.append(EndFlow())
        steps.append({"id": f"after-{step_id}", "type": EndFlow.type})
        edges.append({"from": step_id, "to": f"after-{step_id}"})
        if "deadline" in step:
            edges.append({"from": step_id, "to": f"after-{step_id}", "on": "timeout"})
    document: JsonObject = {
        "name": "Trial", "initialStep": step_id, "steps": steps, "edges": edges,
    }  # fmt: skip
    return compile_definition(document, Registry(types)).steps[step_id]
