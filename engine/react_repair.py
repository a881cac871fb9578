"""How a repair changes a run: a person changes how the run continues.

When a repair changes something that an open pause shows, the pause is asked again, so that nobody
answers a question that they were not shown.
"""

from engine.advance import advance, end_of_step
from engine.apply import happen
from engine.errors import NotWaiting, RunIsOver
from engine.events import Event, StepCompleted, StepFailed
from engine.graph import Graph
from engine.inputs import (
    ChangeData,
    GiveUp,
    HoldRun,
    ReleaseRun,
    Repair,
    SkipStep,
    TimerDue,
    TryNow,
)
from engine.pause_events import RunPaused
from engine.react_timer import timer
from engine.repair_events import (
    DataChanged,
    RunHeld,
    RunReleased,
    StepGivenUp,
    StepSkipped,
    WaitEnded,
)
from engine.run import Run
from engine.transitions import State
from engine.values import SIGNAL_PAUSE, Pause, StepError
from engine.visit import Visit

Events = tuple[Event, ...]
_WAITING = (State.BACKING_OFF, State.SLEEPING)
_AT_REST = (State.QUEUED, State.READY, State.BACKING_OFF, State.SLEEPING, State.PAUSED)


def repair(run: Run, graph: Graph, command: Repair, now_ms: int) -> Events:
    """React to a repair. Raises `RunIsOver` or `NotWaiting`."""
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}; run it again instead")
    match command:
        case TryNow():
            return _end_wait(run, graph, command, now_ms)
        case GiveUp():
            return _abandon(run, graph, command, now_ms)
        case SkipStep():
            return _skip(run, graph, command, now_ms)
        case ChangeData():
            return _change_data(run, command, now_ms)
        case HoldRun():
            if run.held is not None:
                raise NotWaiting(f"run {run.id} is held already")
            if run.cancel_requested:
                raise NotWaiting(f"run {run.id} is being cancelled")
            held = happen(run, RunHeld(now_ms, *_by(command)))
            return (held, *_asked_anew(run, now_ms))
        case ReleaseRun():
            if run.held is None:
                raise NotWaiting(f"run {run.id} is not held")
            released = happen(run, RunReleased(now_ms, *_by(command)))
            if run.state is State.READY:
                return (released, *advance(run, graph, now_ms))
            return (released, *_asked_anew(run, now_ms))


def _end_wait(run: Run, graph: Graph, command: TryNow, now_ms: int) -> Events:
    visit = _waiting(run)
    if run.held is not None:
        raise NotWaiting(f"run {run.id} is held; release it first")
    where = (now_ms, visit.step_id, visit.visit, *_by(command))
    ended = happen(run, WaitEnded(*where))
    return (ended, *timer(run, graph, TimerDue(), now_ms))


def _abandon(run: Run, graph: Graph, command: GiveUp, now_ms: int) -> Events:
    visit = _waiting(run)
    error = visit.error
    if run.state is State.SLEEPING or error is None:
        error = StepError("GivenUp", "a person ended the step before its time", retryable=False)
    where = (now_ms, visit.step_id, visit.visit, *_by(command))
    abandoned = happen(run, StepGivenUp(*where))
    return (abandoned, *end_of_step(run, graph, StepFailed, now_ms, error=error))


def _skip(run: Run, graph: Graph, command: SkipStep, now_ms: int) -> Events:
    visit = skippable(run)
    where = (now_ms, visit.step_id, visit.visit, *_by(command))
    skipped = happen(run, StepSkipped(*where))
    given = {"output": command.output, "data": command.data}
    return (skipped, *end_of_step(run, graph, StepCompleted, now_ms, **given))


def skippable(run: Run) -> Visit:
    """Return the waiting visit for which an output can be given. Raises `NotWaiting`."""
    visit, pause = run.current, run.pause
    if visit is not None and run.state in _WAITING:
        return visit
    if visit is None or pause is None:
        raise NotWaiting(
            f"run {run.id} is {_where(run)}: a step is skipped while it waits for its next "
            "attempt, sleeps, or waits for a signal"
        )
    if pause.run_id is not None:
        raise NotWaiting(f"run {run.id} waits for its child run {pause.run_id}; repair that one")
    if pause.type != SIGNAL_PAUSE and not pause.interruption:
        raise NotWaiting(f"run {run.id} waits for a person in step {visit.step_id}; answer it")
    return visit


def _change_data(run: Run, command: ChangeData, now_ms: int) -> Events:
    if run.pause is not None and run.pause.run_id is not None:
        raise NotWaiting(
            f"run {run.id} waits for its child run {run.pause.run_id}, which has data of its own; "
            "change the data of that one"
        )
    if run.state not in _AT_REST:
        raise NotWaiting(
            f"run {run.id} is {_where(run)}: its data is changed while it is paused, held between "
            "two steps, or waits for an attempt or a moment; hold it first"
        )
    changed = DataChanged(now_ms, command.data, list(command.removed), *_by(command))
    return (happen(run, changed), *_asked_anew(run, now_ms, command.question))


def _by(command: Repair) -> tuple[str | None, str, str, str]:
    """Return why, by whom and under which key the repair is made, as its event says it."""
    return command.reason, command.caller, command.key.key, command.key.fingerprint


def _waiting(run: Run) -> Visit:
    """Return the visit that waits for an attempt or sleeps. Raises `NotWaiting`."""
    if run.current is None or run.state not in _WAITING:
        raise NotWaiting(
            f"run {run.id} is {_where(run)}, and waits neither for an attempt nor for a moment"
        )
    return run.current


def _asked_anew(run: Run, now_ms: int, question: Pause | None = None) -> Events:
    if run.state is not State.PAUSED or run.current is None or run.pause is None:
        return ()
    where = (now_ms, run.current.step_id, run.current.visit)
    wake_at_ms = None if run.wake_at_ms == run.answer_by_ms else run.wake_at_ms
    return (happen(run, RunPaused(*where, question or run.pause, run.answer_by_ms, wake_at_ms)),)


def _where(run: Run) -> str:
    """Return the position of a run in words."""
    where = {
        State.QUEUED: "waiting for its place",
        State.READY: "between two steps",
        State.PAUSED: "paused",
    }.get(run.state)
    if where is None and run.current is not None:
        return f"in step {run.current.step_id}"
    return where or run.status.value
