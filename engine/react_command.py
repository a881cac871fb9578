"""What a command makes happen: a person's answer, a cancel, a terminate."""

from engine.advance import end_of_step
from engine.apply import apply, happen
from engine.errors import AlreadyCancelling, NotPaused, RunIsOver
from engine.events import (
    AttemptFailed,
    CancelRequested,
    ChildrenLeft,
    Event,
    RunResumed,
    RunTerminated,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
)
from engine.graph import Graph
from engine.inputs import Answered, AnswerKept, Cancel, InterruptionSettled, Terminate
from engine.react_outcome import child_resumed
from engine.react_timer import next_attempt
from engine.run import Run
from engine.transitions import State
from engine.values import StepError

Events = tuple[Event, ...]


def answer(
    run: Run, graph: Graph, happened: Answered | AnswerKept | InterruptionSettled, now_ms: int
) -> Events:
    """Do what an answer makes happen. Raises `NotPaused`."""
    if run.current is None or run.pause is None:
        raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to resume")
    wants_settling = run.pause.interruption
    if run.waits_for_children or wants_settling is not isinstance(happened, InterruptionSettled):
        raise NotPaused(f"run {run.id} waits for another answer")
    where = (now_ms, run.current.step_id, run.current.visit)
    key = happened.key
    resumed = RunResumed(*where, happened.answer, happened.caller, key.key, key.fingerprint)
    apply(run, resumed)
    if isinstance(happened, AnswerKept):
        if happened.name in run.current.records:
            return (resumed,)
        return (resumed, happen(run, StepRecorded(*where, happened.name, happened.value)))
    if isinstance(happened, Answered):
        given = {"output": happened.output, "data": happened.data}
        return (resumed, *end_of_step(run, graph, StepCompleted, now_ms, **given))
    message = "the server stopped while the step was running"
    error = StepError("Interrupted", message, retryable=happened.run_again)
    if not happened.run_again:
        return (resumed, *end_of_step(run, graph, StepFailed, now_ms, error=error))
    broke = happen(run, AttemptFailed(*where, run.current.attempt, error, now_ms))
    return (resumed, broke, next_attempt(run, now_ms))


def cancel(run: Run, graph: Graph, command: Cancel, now_ms: int) -> Events:
    """Do what a cancel makes happen. Raises `RunIsOver` or `AlreadyCancelling`."""
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}")
    if run.cancel_requested:
        raise AlreadyCancelling(f"run {run.id} is being cancelled")
    requested = happen(run, CancelRequested(now_ms, command.reason, command.caller))
    goes_on = (State.EXECUTING, State.STOPPING_CHILDREN)
    if run.state in goes_on or run.current is None:
        return (requested,)
    if run.waits_for_children and command.grace_ms:
        where = (now_ms, run.current.step_id, run.current.visit)
        resumed = child_resumed(run, now_ms)
        return (requested, *resumed, happen(run, ChildrenLeft(*where, now_ms + command.grace_ms)))
    return (requested, *end_of_step(run, graph, StepCancelled, now_ms))


def terminate(run: Run, command: Terminate, now_ms: int) -> Events:
    """End the run. Raises `RunIsOver`."""
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}")
    return (happen(run, RunTerminated(now_ms, command.reason, command.caller)),)
