"""One attempt of one step: execute it, bound it in time, say what came of it."""

import asyncio

from app import log
from app.live import RunLost
from engine import (
    Asks,
    AwaitRuns,
    Awaits,
    Broke,
    Delivered,
    Execute,
    Input,
    Run,
    Signal,
    Sleeps,
    StepError,
    scope,
)
from journal import JournalError
from steps.compiled import CompiledStep
from steps.contract import Done, NeedsAnswer, NeedsRuns, NeedsTime, Outcome, StepBroke, StepInput
from steps.effects import Effects
from steps.expression import ExpressionError
from steps.outputs import deliver


def step_input(run: Run, step: CompiledStep, execute: Execute | AwaitRuns) -> StepInput:
    """Give what the attempt is told: its name, its scope and its idempotency key."""
    return StepInput(
        run_id=run.id,
        step_id=execute.step_id,
        visit=execute.visit,
        attempt=execute.attempt,
        idempotency_key=execute.idempotency_key(run.id),
        scope=scope(run),
        output=step.output.specs,
    )


async def attempt(
    run: Run, step: CompiledStep, execute: Execute | AwaitRuns, effects: Effects
) -> Input:
    """Execute the step once and give the outcome as the engine takes it.

    Raises journal errors and `RunLost`: what has been recorded is unknown, so that the run
    has to be read again.
    """
    given = step_input(run, step, execute)
    seconds = None if step.timeout_ms is None else step.timeout_ms / 1000
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            outcome = await step.type.execute(step.settings, given, effects)
        return _input(step, given, outcome, effects.now_ms())
    except StepBroke as broke:
        return Broke(broke.error)
    except ExpressionError as failed:
        return Broke(StepError("ExpressionFailed", str(failed), retryable=False))
    except (JournalError, RunLost):
        raise
    except TimeoutError as late:
        if limit.expired():
            message = f"the attempt took longer than its timeout of {seconds:g} s"
            return Broke(StepError("Timeout", message))
        return Broke(_crashed(run, execute, late))
    except Exception as crash:  # noqa: BLE001 - a step type's bug fails its step, not the server
        return Broke(_crashed(run, execute, crash))


def _input(step: CompiledStep, given: StepInput, outcome: Outcome, now_ms: int) -> Input:
    match outcome:
        case NeedsAnswer(signal, body, deadline_ms):
            return Asks(Signal(signal, body), deadline_ms)
        case NeedsTime(until_ms):
            return Sleeps(until_ms)
        case NeedsRuns(total, asked):
            late_ms = None if step.timeout_ms is None else now_ms + step.timeout_ms
            return Awaits(total, asked, late_ms)
        case Done():
            return Delivered(*deliver(step, outcome, given.scope))


def _crashed(run: Run, execute: Execute | AwaitRuns, crash: Exception) -> StepError:
    log.step_crashed(run.id, execute.step_id, crash)
    message = f"the step type raised {type(crash).__name__}; the server's log has the rest"
    return StepError("StepCrashed", message)
