"""How a timer that is due changes a run."""

from engine.advance import advance, end_of_step
from engine.apply import happen
from engine.events import (
    ChildrenLeft,
    Event,
    RunOverdue,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepStarted,
    StepTimedOut,
)
from engine.graph import Graph, Occasion
from engine.inputs import Broke, TimerDue
from engine.react_outcome import child_resumed, children_stopped, outcome
from engine.run import Run
from engine.transitions import State
from engine.values import Json, StepError
from engine.visit import Visit

_AHEAD_MS = 60_000
"""By how much more the clock must have been ahead than small corrections are."""


def timer(run: Run, graph: Graph, due: TimerDue, now_ms: int) -> tuple[Event, ...]:
    """React to a retry, a sleep, a deadline or a timeout; return nothing if it is not due."""
    if run.deadline_ms is not None and run.deadline_ms <= now_ms:
        was_held = run.stands_still
        overdue = happen(run, RunOverdue(now_ms))
        if was_held and run.state is State.READY:
            return (overdue, *advance(run, graph, now_ms))
        return (overdue, *stop_step(run, graph, now_ms, due.grace_ms))
    visit = run.current
    if run.held is not None and run.stands_still:
        return ()
    if visit is None or run.wake_at_ms is None or _is_later(run, run.wake_at_ms, now_ms):
        return ()
    if run.state is State.BACKING_OFF:
        return (next_attempt(run, now_ms),)
    if run.state is State.SLEEPING:
        return end_of_step(run, graph, StepCompleted, now_ms, output=None, data={})
    if run.waits_for_children:
        late = StepError("Timeout", "the child runs took longer than the step's timeout")
        return outcome(run, graph, Broke(late, due.grace_ms), now_ms)
    if run.state is State.STOPPING_CHILDREN:
        return children_stopped(run, graph, now_ms)
    if run.answer_by_ms is None or run.answer_by_ms > now_ms:
        return ()
    if any(edge.on is Occasion.TIMEOUT for edge in graph.steps[visit.step_id].edges):
        return end_of_step(run, graph, StepTimedOut, now_ms, output=_gathered(visit))
    error = StepError("DeadlinePassed", "nobody answered before the deadline", retryable=False)
    return end_of_step(run, graph, StepFailed, now_ms, error=error)


def _is_later(run: Run, at_ms: int, now_ms: int) -> bool:
    """Return whether a moment is still to come.

    A retry is put off for a while, so one that was put off by a clock ahead of this one is due.
    """
    was_ahead = run.updated_at_ms > now_ms + _AHEAD_MS
    return at_ms > now_ms and not (was_ahead and run.state is State.BACKING_OFF)


def stop_step(run: Run, graph: Graph, now_ms: int, grace_ms: int) -> tuple[Event, ...]:
    """End the run's current step after its work has stopped; `grace_ms` limits that wait."""
    goes_on = (State.EXECUTING, State.STOPPING_CHILDREN)
    if run.state in goes_on or run.current is None:
        return ()
    if run.waits_for_children and grace_ms:
        where = (now_ms, run.current.step_id, run.current.visit)
        resumed = child_resumed(run, now_ms)
        return (*resumed, happen(run, ChildrenLeft(*where, now_ms + grace_ms)))
    return end_of_step(run, graph, StepCancelled, now_ms)


def _gathered(visit: Visit) -> Json:
    """Return the signals that have arrived so far, None for a step that gathers none."""
    came: list[Json] = [
        record.value for name, record in visit.records.items() if name.startswith("signal-")
    ]
    return {"signals": came, "count": len(came)} if "deadline" in visit.records else None


def next_attempt(run: Run, now_ms: int) -> StepStarted:
    """Start the attempt after the current one."""
    assert run.current is not None  # noqa: S101 - the callers have checked
    visit = run.current
    where = (now_ms, visit.step_id, visit.visit)
    return happen(run, StepStarted(*where, visit.attempt + 1, visit.step_type, visit.step_name))
