"""What to do next for a run. `decide` only names it; asked twice, it gives the same answer."""

from typing import TypeAlias

from engine.run import Run
from engine.transitions import State
from engine.value import value


@value(frozen=True, slots=True)
class Advance:
    """The run is between two steps: react to `Begin`."""


@value(frozen=True, slots=True)
class AwaitPlace:
    """The run waits for admission: do nothing until then, and react to `Admit` or `TurnAway`."""


@value(frozen=True, slots=True)
class Attempt:
    """Names one attempt of one visit of a step."""

    step_id: str
    visit: int
    attempt: int

    def idempotency_key(self, run_id: str) -> str:
        """Return the key that all attempts of this visit share, including those after a restart."""
        return f"{run_id}:{self.step_id}:{self.visit}"


@value(frozen=True, slots=True)
class Execute(Attempt):
    """Run this attempt of this step."""


@value(frozen=True, slots=True)
class Abandon:
    """A cancel arrived while the step was in flight: stop the step and react to `Stopped`."""


@value(frozen=True, slots=True)
class AwaitTime:
    """Do nothing before `at_ms` (Unix milliseconds)."""

    at_ms: int


@value(frozen=True, slots=True)
class AwaitAnswer:
    """Do nothing before a person answers, or `deadline_ms` comes."""

    deadline_ms: int | None


@value(frozen=True, slots=True)
class AwaitChildren(Attempt):
    """Do nothing before a child run ends, pauses or resumes, or `deadline_ms` comes.

    When that happens, execute this attempt of the step again; the step then checks its child runs.
    """

    deadline_ms: int | None


@value(frozen=True, slots=True)
class AwaitStopped:
    """Do nothing before the child runs that the step has cancelled have stopped.

    React to `ChildrenStopped` when they have; `until_ms` ends the wait.
    """

    until_ms: int | None


@value(frozen=True, slots=True)
class AwaitRelease:
    """Do nothing before the person who holds the run releases it."""


@value(frozen=True, slots=True)
class Stop:
    """The run is over."""


Decision: TypeAlias = (
    Advance
    | AwaitPlace
    | Execute
    | Abandon
    | AwaitTime
    | AwaitAnswer
    | AwaitChildren
    | AwaitStopped
    | AwaitRelease
    | Stop
)


_ADVANCE, _PLACE, _ABANDON, _STOP = Advance(), AwaitPlace(), Abandon(), Stop()
_RELEASE = AwaitRelease()
_EXECUTING = State.EXECUTING  # a member of an enum costs ten times as much as a name


def decide(run: Run) -> Decision:
    """Return what to do next for `run`."""
    where = run.current
    if run.held is not None and run.stands_still:
        return _RELEASE
    if where is None:
        if run.state is State.QUEUED:
            return _PLACE
        return _STOP if run.state.is_over else _ADVANCE
    if run.state is _EXECUTING:
        if (run.overdue or run.cancel_requested) and run.is_stopping:
            return _ABANDON
        return Execute(where.step_id, where.visit, where.attempt)
    if run.waits_for_children:
        return AwaitChildren(where.step_id, where.visit, where.attempt, run.wake_at_ms)
    if run.state is State.STOPPING_CHILDREN:
        return AwaitStopped(run.wake_at_ms)
    if run.state is State.PAUSED:
        return AwaitAnswer(run.wake_at_ms)
    assert run.wake_at_ms is not None  # noqa: S101 - it backs off or sleeps
    return AwaitTime(run.wake_at_ms)
