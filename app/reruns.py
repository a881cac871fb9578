"""Running a run again from one of its steps: what came before is kept, not done again."""

from dataclasses import dataclass

from app.auth.callers import Caller
from app.new_run import Beginning, NewRun
from engine import (
    Event,
    JsonObject,
    Origin,
    Rejected,
    Run,
    StepStarted,
    apply,
)
from journal import IdempotencyKey
from steps.compiled import Definition
from steps.contract import InvalidAnswer, Problem
from steps.nearest import did_you_mean


class NotOver(Rejected):
    """A run that has not ended cannot be run again from a step: both would go on."""

    def __init__(self, run_id: str, status: str) -> None:
        super().__init__(
            f"run {run_id} is {status}; cancel or terminate it first, so that one goes on and "
            "not two"
        )


@dataclass(frozen=True, slots=True)
class Entered:
    """A run as it stood when it entered a step, and the number of the event of its entry."""

    run: Run
    seq: int


def entered(events: list[Event], step_id: str, visit: int | None) -> Entered:
    """Give how a run stood when it entered a step: the last time, or at one visit.

    Raises `InvalidAnswer` when it never did.
    """
    run: Run | None = None
    found: Entered | None = None
    steps: set[str] = set()
    for event in events:
        if run is not None and isinstance(event, StepStarted) and event.attempt == 1:
            steps.add(event.step_id)
            if event.step_id == step_id and visit in (None, event.visit):
                found = Entered(run, run.seq + 1)
        run = apply(run, event)
    if found is None:
        which = f"step {step_id}" + (f", visit {visit}" if visit is not None else "")
        hint = did_you_mean(step_id, steps)
        raise InvalidAnswer([Problem("stepId", f"the run has not entered {which}{hint}")])
    return found


def rerun(  # noqa: PLR0913 - what a rerun is made of
    tenant: str,
    before: Entered,
    step_id: str,
    edits: JsonObject,
    definition: Definition,
    caller: Caller,
    idempotency: IdempotencyKey | None,
) -> NewRun:
    """Give the run to start: the old one as it entered the step, with its data edited.

    What the caller of the old run was allowed, and said in their token, stays with it: the
    new run does the rest of the same errand. Raises `InvalidAnswer` for edits that the
    declared inputs do not take.
    """
    run = before.run
    data = {**run.data, **edits}
    problems = [
        item
        for item in definition.payload.check(data)
        if any(item.path == f"data.{name}" or _inside(item.path, name) for name in edits)
        and not item.path.startswith(("data.fileId", "data.attachment"))
    ]
    if problems:
        raise InvalidAnswer(problems)
    origin = Origin(run.id, step_id, before.seq)
    return NewRun(
        tenant, run.workflow_id, run.version, definition, data, caller.name, run.context,
        idempotency, beginning=Beginning(origin, dict(run.outputs), run.last_error),
    )  # fmt: skip


def _inside(path: str, name: str) -> bool:
    return path.startswith((f"data.{name}.", f"data.{name}["))
