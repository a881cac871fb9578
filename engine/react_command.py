"""How a command changes a run: an answer, a cancel, a terminate, a parent that stops waiting."""

from engine.advance import advance, end_of_step
from engine.apply import apply, happen
from engine.errors import AlreadyCancelling, EndDecided, NotPaused, RunIsOver
from engine.events import (
    AttemptFailed,
    CancelRequested,
    Event,
    ParentWentOn,
    RunCancelled,
    RunTerminated,
    StepCompleted,
    StepFailed,
    StepRecorded,
)
from engine.graph import Graph
from engine.inputs import (
    Answered,
    AnswerKept,
    Cancel,
    ChangePause,
    Detach,
    InterruptionSettled,
    Terminate,
)
from engine.pause_events import PauseChanged, RunResumed
from engine.react_timer import next_attempt, stop_step
from engine.run import Run
from engine.transitions import State
from engine.values import FINALLY, StepError

Events = tuple[Event, ...]


def answer(
    run: Run,
    graph: Graph,
    happened: Answered | AnswerKept | InterruptionSettled | ChangePause,
    now_ms: int,
) -> Events:
    """React to an answer or to a change of the pause. Raises `NotPaused`."""
    if isinstance(happened, ChangePause):
        return _change_pause(run, happened, now_ms)
    if run.current is None or run.pause is None:
        raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to resume")
    wants_settling = run.pause.interruption
    if run.waits_for_children or wants_settling is not isinstance(happened, InterruptionSettled):
        raise NotPaused(f"run {run.id} waits for another answer")
    where = (now_ms, run.current.step_id, run.current.visit)
    key = happened.key
    seen = "" if isinstance(happened, InterruptionSettled) else happened.seen
    resumed = RunResumed(*where, happened.answer, happened.caller, key.key, key.fingerprint, seen)
    apply(run, resumed)
    if isinstance(happened, AnswerKept):
        if happened.name in run.current.records:
            return (resumed,)
        return (resumed, happen(run, StepRecorded(*where, happened.name, happened.value)))
    if isinstance(happened, Answered):
        given = {"output": happened.output, "data": happened.data}
        return (resumed, *end_of_step(run, graph, StepCompleted, now_ms, **given))
    return (resumed, *_settle(run, graph, happened, now_ms))


def _settle(run: Run, graph: Graph, happened: InterruptionSettled, now_ms: int) -> Events:
    """Run an interrupted step again, or fail it, as a person decided."""
    assert run.current is not None  # noqa: S101 - the caller has checked
    visit = run.current
    message = "the server stopped while the step was running"
    error = StepError("Interrupted", message, retryable=happened.run_again)
    if not happened.run_again:
        return end_of_step(run, graph, StepFailed, now_ms, error=error)
    where = (now_ms, visit.step_id, visit.visit)
    broke = happen(run, AttemptFailed(*where, visit.attempt, error, now_ms))
    if run.held is not None:
        return (broke,)  # the attempt starts when the run is released
    return (broke, next_attempt(run, now_ms))


def _change_pause(run: Run, change: ChangePause, now_ms: int) -> Events:
    """React to a change of the pause. Raises `NotPaused`."""
    if run.current is None or run.pause is None or run.pause.run_id is not None:
        raise NotPaused(f"run {run.id} is {run.status} and asks nothing itself")
    body = {**run.pause_changes, **change.body}
    changed = PauseChanged(
        now_ms, run.current.step_id, run.current.visit, change.what, body, change.caller,
        change.note, change.answer, change.key.key, change.key.fingerprint, change.wake_at_ms,
        change.seen,
    )  # fmt: skip
    return (happen(run, changed),)


def cancel(run: Run, graph: Graph, command: Cancel, now_ms: int) -> Events:
    """React to a cancel. Raises `RunIsOver`, `AlreadyCancelling` or `EndDecided`."""
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}")
    if run.cancel_requested:
        raise AlreadyCancelling(f"run {run.id} is being cancelled")
    if run.handler == FINALLY:
        raise EndDecided(f"run {run.id} is in its `finally` and ends after it; or terminate it")
    was_held = run.stands_still
    requested = happen(run, CancelRequested(now_ms, command.reason, command.caller))
    if was_held and run.state is State.READY:
        return (requested, *advance(run, graph, now_ms))
    if run.state is State.QUEUED:
        return (requested, happen(run, RunCancelled(now_ms)))
    return (requested, *stop_step(run, graph, now_ms, command.grace_ms))


def at_once(run: Run, command: Terminate | Detach, now_ms: int) -> Events:
    """End the run, or record once that its parent continues without it. Raises `RunIsOver`."""
    if isinstance(command, Detach):
        if run.is_over or run.is_detached or run.parent is None:
            return ()
        return (happen(run, ParentWentOn(now_ms)),)
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}")
    return (happen(run, RunTerminated(now_ms, command.reason, command.caller)),)
