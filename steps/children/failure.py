"""The failure of a step whose child run has failed."""

from dataclasses import replace

from engine import JsonObject, RunError, StepError
from steps.contract.step_type import StepBroke
from steps.effects.child_runs import ChildEnd


def shown_failure(end: ChildEnd, error: RunError) -> JsonObject:
    """Return the failure of a child run in the form in which outputs show it."""
    return {"type": error.type, "message": error.message, "runId": end.run_id}


def of_child(error: StepError, end: ChildEnd, why: RunError) -> StepError:
    """Return a failure that names the child run behind it and how that failed."""
    return replace(
        error, child_run_id=end.run_id, child_step_id=why.step_id, status=why.status, body=why.body,
        child_type="" if error.type == why.type else why.type,
        child_message="" if error.message == why.message else why.message,
    )  # fmt: skip


def as_of_child(end: ChildEnd, why: RunError) -> StepBroke:
    """Return a failure equal to that of the step's child run."""
    broke = StepBroke(why.type, why.message, retryable=why.retryable)
    broke.error = of_child(broke.error, end, why)
    return broke
