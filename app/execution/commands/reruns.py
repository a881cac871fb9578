"""Runs a run again from one of its steps: the steps before it are kept and not repeated."""

import json
from dataclasses import replace

from app.auth.caller import Caller
from app.definitions.versioned import DefinitionUnusable
from app.execution.answering.repairs import check_edits, edits_of
from app.execution.starting.new_run import Beginning, NewRun
from engine import (
    CarriedVisit,
    Event,
    JsonObject,
    Origin,
    Rejected,
    Run,
    StepStarted,
    Visit,
    apply,
    fold,
)
from engine.value import value
from journal import IdempotencyKey
from steps.contract.records import KEPT
from steps.contract.step_type import InvalidAnswer, Problem
from steps.document.compiled import Definition
from steps.language.nearest import did_you_mean

MOST_CARRIED = 1_000
"""How many visits a rerun takes from the runs before it: the newest."""

MOST_CARRIED_CHARACTERS = 1_048_576
"""The size limit of their outputs together, in characters of JSON; older ones are left out."""


class NotOver(Rejected):
    """The run has not ended, so it cannot be run again from a step: both would continue."""

    def __init__(self, run_id: str, status: str) -> None:
        super().__init__(
            f"run {run_id} is {status}; cancel or terminate it first, so that one continues and "
            "not two"
        )


class DoneEarlier(Exception):
    """An earlier run has done the step; the run asked about is its rerun and only took it over."""

    def __init__(self, done: CarriedVisit) -> None:
        self.run_id = done.run_id
        self._done = f"run {done.run_id} did step {done.step_id}, visit {done.visit}"
        super().__init__(self._done)

    def refusal(self, *, is_deleted: bool) -> InvalidAnswer:
        """Return what to tell a caller who has named this run and that step."""
        message = f"{self._done}; name that run instead"
        if is_deleted:
            message = (
                f"{self._done} and has been deleted; name a step that this run has entered itself"
            )
        return InvalidAnswer([Problem("stepId", message)])


@value(frozen=True, slots=True)
class Entered:
    """The state of a run when it entered a step.

    Attributes:
        seq: The number of the event by which it entered the step.
        carried: The visits that a rerun from there takes over.
    """

    run: Run
    seq: int
    carried: tuple[CarriedVisit, ...]


def entered(events: list[Event], step_id: str, visit: int | None) -> Entered:
    """Return the state of a run when it entered a step: the last time, or at one visit.

    Raises `InvalidAnswer` if it never did, and `DoneEarlier` if it took the visit over from an
    earlier run.
    """
    run: Run | None = None
    found: Run | None = None
    steps: set[str] = set()
    for event in events:
        if run is not None and isinstance(event, StepStarted) and event.attempt == 1:
            steps.add(event.step_id)
            if event.step_id == step_id and visit in (None, event.visit):
                found = run.copy()
        run = apply(run, event)
    if found is None:
        which = f"step {step_id}" + (f", visit {visit}" if visit is not None else "")
        for past in reversed(run.carried if run else ()):
            if past.step_id == step_id and visit in (None, past.visit):
                raise DoneEarlier(past)
        hint = did_you_mean(step_id, steps)
        raise InvalidAnswer([Problem("stepId", f"the run has not entered {which}{hint}")])
    return Entered(found, found.seq + 1, carried(found))


def rerun(  # noqa: PLR0913 - what a rerun is made of
    tenant: str,
    before: Entered,
    step_id: str,
    edits: JsonObject,
    definition: Definition,
    caller: Caller,
    idempotency: IdempotencyKey | None,
) -> NewRun:
    """Return the run to start: the old one as it entered the step, with its data edited.

    The new run finishes the old run's work, so it keeps the old caller's permissions and what their
    token said. Raises `InvalidAnswer` for edits that the declared inputs do not accept.
    """
    run = before.run
    data = check_edits(definition, run.data, edits_of(definition, edits))
    origin = Origin(run.id, step_id, before.seq)
    return NewRun(
        tenant, run.workflow_id, run.version, definition, data, caller.name, run.context,
        idempotency,
        beginning=Beginning(
            origin, dict(run.outputs), run.last_error, run.failed_in, before.carried,
            dict(run.visits), run.handler, run.ending,
        ),
    )  # fmt: skip


def with_calls(new: NewRun, events: list[Event], before: Entered) -> NewRun:
    """Return a rerun whose first step begins with the work that it had finished before."""
    if not isinstance(new.definition, DefinitionUnusable) and new.definition.places:
        message = "a run of a workflow with `concurrency` waits for a place and cannot keep calls"
        raise InvalidAnswer([Problem("keepCalls", message)])
    begun = events[before.seq - 1]
    assert new.beginning is not None  # noqa: S101 - `rerun` has made it
    assert isinstance(begun, StepStarted)  # noqa: S101 - `entered` has found it
    for visit in fold(events).history:
        if (visit.step_id, visit.visit) == (begun.step_id, begun.visit):
            step = new.step(begun.step_id)
            found = {name: record.value for name, record in visit.records.items() if name != KEPT}
            kept = step.type.keeps(found)
            names: JsonObject = {"runId": before.run.id, "records": [*kept]}
            records = {KEPT: names, **kept} if kept else {}
            return replace(new, beginning=replace(new.beginning, records=records))
    return new


def carried(run: Run) -> tuple[CarriedVisit, ...]:
    """Return the visits that a rerun takes over from a run, with those that it took over."""
    visits = (*run.carried, *(_carried(run.id, visit) for visit in run.past))[-MOST_CARRIED:]
    room, kept = MOST_CARRIED_CHARACTERS, list[CarriedVisit]()
    for visit in reversed(visits):
        size = 0 if visit.output is None else len(json.dumps(visit.output, ensure_ascii=False))
        fits = size <= room
        room -= size if fits else 0
        kept.append(visit if fits else replace(visit, output=None, left_out=True))
    return tuple(reversed(kept))


def _carried(run_id: str, visit: Visit) -> CarriedVisit:
    assert visit.ended_at_ms is not None  # noqa: S101 - it is past
    return CarriedVisit(
        run_id, visit.step_id, visit.visit, visit.step_type, visit.step_name, visit.status.value,
        visit.attempt, visit.started_at_ms, visit.ended_at_ms, visit.output, visit.error,
    )  # fmt: skip
