"""Repairs of runs by people, such as skipping a step or changing data, checked before use.

The engine decides what follows from a repair. This file checks it against the declared fields, so
that nothing gets into a run that the step itself could not have delivered.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

from app.execution.attempts.attempt import step_input
from app.execution.live.live_run import LiveRun
from app.secrets.mask import MASK
from engine import (
    ChangeData,
    Execute,
    Json,
    JsonObject,
    NotWaiting,
    Repair,
    Run,
    RunIsOver,
    SkipStep,
    skippable,
)
from engine.value import value
from steps.contract.step_type import InvalidAnswer, Problem, StepBroke
from steps.document.compiled import Definition
from steps.document.outputs import WrongOutput, given
from steps.language.nearest import did_you_mean

_MOST_HINTS = 5
_ENDS = re.compile(r"[.\[]")

Checked: TypeAlias = Callable[[LiveRun], Repair]
"""Returns the repair, with the run loaded and its lock held. Raises if the repair is invalid."""


@value(frozen=True, slots=True)
class Meant:
    """The step that a repair is meant for, so that a repeated repair does not hit the next step.

    Attributes:
        step_id: Its id; None: the step that the run is in.
        visit: Which visit; None: any.
    """

    step_id: str | None = None
    visit: int | None = None

    def check(self, run: Run) -> None:
        """Raise `RunIsOver` or `NotWaiting` if the run is no longer in that step."""
        if run.is_over:
            raise RunIsOver(f"run {run.id} is {run.status}; run it again instead")
        visit = run.current
        here = None if visit is None else (visit.step_id, visit.visit)
        where = "between two steps" if visit is None else f"in step {visit.step_id}"
        if self.step_id is not None and (here is None or here[0] != self.step_id):
            raise NotWaiting(f"run {run.id} is {where}, not in step {self.step_id}")
        if self.visit is not None and (here is None or here[1] != self.visit):
            raise NotWaiting(f"run {run.id} is {where}, not in visit {self.visit} of it")


def of_step(meant: Meant, command: Repair) -> Checked:
    """Return the repair, checked to apply to the step that is meant."""

    def checked(live: LiveRun) -> Repair:
        meant.check(live.run)
        return command

    return checked


def skip(meant: Meant, output: Json, reason: str | None, caller: str) -> Checked:
    """Return a repair that skips a step and gives its output instead. It raises `InvalidAnswer`."""

    def checked(live: LiveRun) -> Repair:
        meant.check(live.run)
        visit = skippable(live.run)
        step = live.usable.steps[visit.step_id]
        if step.output.sensitive:
            names = ", ".join(sorted(step.output.sensitive))
            message = f"{names} of step {step.id} is sensitive and cannot be set by hand"
            raise InvalidAnswer([Problem("output", message)])
        attempt = Execute(visit.step_id, visit.visit, visit.attempt)
        scope = step_input(live.run, step, attempt).scope
        try:
            whole, data = given(step, output, scope)
        except WrongOutput as wrong:
            raise InvalidAnswer(wrong.problems) from wrong
        except StepBroke as broke:
            raise InvalidAnswer([Problem("output", broke.error.message)]) from broke
        return SkipStep(whole, data, reason, caller)

    return checked


def change_data(
    data: JsonObject, removed: Sequence[str], reason: str | None, caller: str
) -> Checked:
    """Return a repair that changes the data of a run. It raises `InvalidAnswer`."""

    def checked(live: LiveRun) -> Repair:
        changed = edits_of(live.usable, data)
        if not changed and not removed:
            message = "is required: fields to set; or `remove`, the names of fields to remove"
            raise InvalidAnswer([Problem("data", message)])
        check_edits(live.usable, live.run.data, changed, removed)
        return ChangeData(changed, tuple(removed), reason, caller)

    return checked


def edits_of(definition: Definition, edits: JsonObject) -> JsonObject:
    """Return the edits without masked values that were only shown and sent back."""
    names = definition.sensitive
    return {name: item for name, item in edits.items() if name not in names or item != MASK}


def check_edits(
    definition: Definition, before: JsonObject, edits: JsonObject, removed: Collection[str] = ()
) -> JsonObject:
    """Return the data with the edits.

    Raises `InvalidAnswer` for edits that the declared inputs do not accept.
    """
    problems = [
        Problem(f"data.{name}", "is sensitive and cannot be set by hand")
        for name in (*edits, *removed)
        if name in definition.sensitive
    ]
    unknown = [name for name in removed if name not in before]
    for at, name in enumerate(unknown):
        hint = did_you_mean(name, before) if at < _MOST_HINTS else ""
        problems.append(Problem("remove", f"the run has no data {name}{hint}"))
    gone = frozenset(removed)
    problems += [
        Problem(f"data.{name}", "is both given and removed") for name in edits if name in gone
    ]
    data = {name: item for name, item in {**before, **edits}.items() if name not in gone}
    changed = gone.union(edits)
    problems += [
        item
        for item in definition.payload.check(data)
        if not changed.isdisjoint(_fields_of(item.path))
        and not item.path.startswith(("data.fileId", "data.attachment"))
    ]
    if problems:
        raise InvalidAnswer(problems)
    return data


def _fields_of(path: str) -> Iterator[str]:
    """Yield the possible names of the field in a path, since names may contain dots."""
    path = path.removeprefix("data.")
    yield path
    yield from (path[: end.start()] for end in _ENDS.finditer(path))
