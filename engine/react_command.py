"""What a command makes happen: a person's answer, a cancel, a terminate."""

from dataclasses import replace

from engine.advance import end_of_step
from engine.apply import apply
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
    """Return what an answer makes happen. Raises `NotPaused`."""
    if run.current is None or run.pause is None:
        raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to resume")
    wants_settling = run.pause.interruption
    if run.waits_for_children or wants_settling is not isinstance(happened, InterruptionSettled):
        raise NotPaused(f"run {run.id} waits for another answer")
    where = (now_ms, run.current.step_id, run.current.visit)
    key = happened.key
    resumed = RunResumed(*where, happened.answer, happened.caller, key.key, key.fingerprint)
    going = apply(run, resumed)
    if isinstance(happened, AnswerKept):
        if happened.name in run.current.records:
            return (resumed,)
        return (resumed, StepRecorded(*where, happened.name, happened.value))
    if isinstance(happened, Answered):
        completed = StepCompleted(*where, happened.output, happened.data, None)
        return (resumed, *end_of_step(going, graph, completed))
    error = StepError("Interrupted", "the server stopped while the step was running")
    if not happened.run_again:
        failed = StepFailed(*where, replace(error, retryable=False))
        return (resumed, *end_of_step(going, graph, failed))
    broke = AttemptFailed(*where, run.current.attempt, error, now_ms)
    return (resumed, broke, next_attempt(apply(going, broke), now_ms))


def cancel(run: Run, graph: Graph, command: Cancel, now_ms: int) -> Events:
    """Return what a cancel makes happen. Raises `RunIsOver` or `AlreadyCancelling`."""
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}")
    if run.cancel_requested:
        raise AlreadyCancelling(f"run {run.id} is being cancelled")
    requested = CancelRequested(now_ms, command.reason, command.caller)
    goes_on = (State.EXECUTING, State.STOPPING_CHILDREN)
    if run.state in goes_on or run.current is None:
        return (requested,)
    if run.waits_for_children and command.grace_ms:
        where = (now_ms, run.current.step_id, run.current.visit)
        left = ChildrenLeft(*where, now_ms + command.grace_ms)
        return (requested, *child_resumed(run, now_ms), left)
    stopped = StepCancelled(now_ms, run.current.step_id, run.current.visit)
    return (requested, *end_of_step(apply(run, requested), graph, stopped))


def terminate(run: Run, command: Terminate, now_ms: int) -> Events:
    """Return the end of the run. Raises `RunIsOver`."""
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}")
    return (RunTerminated(now_ms, command.reason, command.caller),)
