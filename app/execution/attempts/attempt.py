"""One attempt of one step: execute it, limit its time, and check its outcome.

The result of a step type is checked here before it becomes an event. A value that the journal
cannot store would leave the attempt without an end, and it would be repeated for ever.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from app.concurrency.attempt_timeout import AttemptTimeout, limit_here
from app.execution.live.live_run import Due, RunLost
from app.telemetry import log
from engine import (
    AwaitsChildren,
    Broke,
    Delivered,
    Input,
    Json,
    Pause,
    Pauses,
    Run,
    RunScope,
    Sleeps,
    StepError,
    scope_with,
)
from journal import JournalError
from steps.contract.step_type import Done, Outcome, StepBroke, StepInput
from steps.document.compiled import CompiledStep, Definition
from steps.document.outputs import checked, deliver_in_turns
from steps.effects.effects import Effects
from steps.language.allowance import open_allowance
from steps.language.durations import LATEST_MS, LONGEST_MS
from steps.language.expression import ExpressionError
from steps.language.strict_json import LONG_BYTES, as_kept


def step_input(run: Run, step: CompiledStep, doing: Due, url: str | None = None) -> StepInput:
    """Return the input of an attempt: its name, its scope and its idempotency key.

    `url` is the callback address of the visit, for a step that passes it on.
    """
    names: Mapping[str, Json] = RunScope(run)
    if url is not None:
        names = scope_with(names, {"step": {"callbackUrl": url}})
    visit = run.current
    return StepInput(
        run.id,
        doing.step_id,
        doing.visit,
        doing.attempt,
        doing.idempotency_key(run.id),
        scope_with(names, step.given) if step.given else names,
        step.output.specs,
        step.on_interrupted,
        visit is None or bool(visit.records),
    )


class Attempt(AttemptTimeout):
    """One attempt, ready to begin; it limits its own time.

    Attributes:
        definition: The definition of its run.
        acts: Whether it would act on the world.
        run_id: The run, as `WorkHere` says it.
        tool: The tool that it is calling, if any, as `WorkHere` says it.
    """

    tool: str | None = None

    def __init__(  # noqa: PLR0913 - what an attempt is made of
        self, run_id: str, doing: Due, definition: Definition, step: CompiledStep,
        effects: Effects, *, acts: bool,
    ) -> None:  # fmt: skip
        limit_ms = step.timeout_ms
        self.seconds = self._left_s = None if limit_ms is None else limit_ms / 1000
        self.run_id, self.step_id = run_id, doing.step_id
        self.doing, self.definition, self.step = doing, definition, step
        self.effects, self.acts = effects, acts

    async def execute(self, run: Run) -> Input:
        """Execute the step once and return the outcome in the form that the engine takes.

        Raises journal errors and `RunLost`. It is then unknown what has been recorded, and the run
        has to be read again.
        """
        step, effects = self.step, self.effects
        url = effects.callback_url() if step.gives_address else None
        given = step_input(run, step, self.doing, url)
        limit_here.set(self)
        try:
            try:
                outcome = await step.type.execute(step.settings, given, effects)
            except BaseException as failed:
                self.end(failed)
                raise
            if self.has_begun:
                self.end(None)
            if (allowance := open_allowance.get()) is not None and allowance.owes_turn:
                await allowance.take_turns()  # next, the result is searched for secrets
            if isinstance(outcome, Done):
                names = given.scope
                delivered = (
                    await deliver_in_turns(step, outcome, names)
                    if step.values
                    else checked(step, outcome, {}, names)
                )
                given_back = [*delivered, outcome.appended]
                what = f"step {step.id} gave what is"
                (output, data, appended), size = as_kept(what, given_back, "InvalidOutput")
                happened: Input = Delivered(output, data, appended, [*outcome.removed])
            else:
                happened, size = _input(step, outcome, effects)
        except StepBroke as broke:
            return Broke(_written(broke.error))
        except ExpressionError as failed:
            return Broke(StepError("ExpressionFailed", str(failed), retryable=False))
        except (JournalError, RunLost, asyncio.CancelledError, GeneratorExit):
            raise
        except TimeoutError as late:
            if self.expired:
                message = f"the attempt took longer than its timeout of {self.seconds:g} s"
                return Broke(StepError("Timeout", _with_notes(message, late)))
            return Broke(_crashed(run, self.doing, late))
        except BaseException as crash:  # noqa: BLE001 - a step type's bug fails its step, not the server
            return Broke(_crashed(run, self.doing, crash))
        if size > LONG_BYTES:
            await asyncio.sleep(0)  # next, the result is searched for secrets
        return happened


def _with_notes(message: str, late: TimeoutError) -> str:
    """Return a message with what was noted where the attempt was stopped."""
    notes: list[str] = getattr(late.__cause__, "__notes__", [])
    return "; ".join([message, *notes])


def _input(step: CompiledStep, outcome: Outcome, effects: Effects) -> tuple[Input, int]:
    """Return the engine input for a step that is not done, and its length in bytes."""
    what = f"step {step.id} gave what is"
    match outcome:
        case Pauses(pause, deadline_ms, wake_at_ms):
            (kind, body), size = as_kept(what, [pause.type, pause.body], "InvalidOutput")
            late_ms = None if deadline_ms is None else _moment(step, deadline_ms)
            wake_ms = None if wake_at_ms is None else _moment(step, wake_at_ms)
            return Pauses(Pause(kind, body), late_ms, wake_ms), size
        case Sleeps(until_ms):
            return Sleeps(_moment(step, until_ms)), 0
        case AwaitsChildren(total, asked):
            limit_ms = step.timeout_ms
            late_ms = None if limit_ms is None else effects.now_ms() + limit_ms
            return AwaitsChildren(total, asked, late_ms), 0
        case _:
            raise TypeError(f"a {type(outcome).__name__} is not an outcome of a step")


def _moment(step: CompiledStep, at_ms: float) -> int:
    if not 0 <= at_ms < LATEST_MS:
        message = f"step {step.id} waits until {at_ms!r}, which is not before the year 10000"
        raise StepBroke("InvalidOutput", message, retryable=False)
    return round(at_ms)


def _written(error: StepError) -> StepError:
    """Return an error in a form that can be stored: a file name may hold invalid Unicode."""
    kind, message = (
        str(text).encode(errors="replace").decode() for text in (error.type, error.message)
    )
    wait_ms = error.retry_after_ms
    if wait_ms is not None:
        wait_ms = round(min(max(0, wait_ms), LONGEST_MS))
    return replace(error, type=kind, message=message, retry_after_ms=wait_ms)


def _crashed(run: Run, doing: Due, crash: BaseException) -> StepError:
    log.step_crashed(run.id, doing.step_id, crash)
    message = f"the step type raised {type(crash).__name__}; the server's log has the rest"
    return StepError("StepCrashed", message)
