"""One attempt of one step: execute it, bound it in time, say what came of it."""

import asyncio

from app import log
from engine import (
    Asks,
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
from steps.compiled import CompiledStep
from steps.contract import Done, Effects, NeedsAnswer, NeedsTime, StepBroke, StepInput
from steps.expression import ExpressionError
from steps.outputs import deliver


def step_input(run: Run, step: CompiledStep, execute: Execute) -> StepInput:
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


async def attempt(run: Run, step: CompiledStep, execute: Execute, effects: Effects) -> Input:
    """Execute the step once and give the outcome as the engine takes it. Never raises."""
    given = step_input(run, step, execute)
    seconds = None if step.timeout_ms is None else step.timeout_ms / 1000
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            outcome = await step.type.execute(step.settings, given, effects)
        match outcome:
            case NeedsAnswer(signal, body, deadline_ms):
                return Asks(Signal(signal, body), deadline_ms)
            case NeedsTime(until_ms):
                return Sleeps(until_ms)
            case Done():
                return Delivered(*deliver(step, outcome, given.scope))
    except StepBroke as broke:
        return Broke(broke.error)
    except ExpressionError as failed:
        return Broke(StepError("ExpressionFailed", str(failed), retryable=False))
    except TimeoutError as late:
        if limit.expired():
            message = f"the attempt took longer than its timeout of {seconds:g} s"
            return Broke(StepError("Timeout", message))
        return Broke(_crashed(run, execute, late))
    except Exception as crash:  # noqa: BLE001 - a step type's bug fails its step, not the server
        return Broke(_crashed(run, execute, crash))


def _crashed(run: Run, execute: Execute, crash: Exception) -> StepError:
    log.step_crashed(run.id, execute.step_id, crash)
    message = f"the step type raised {type(crash).__name__}; the server's log has the rest"
    return StepError("StepCrashed", message)
