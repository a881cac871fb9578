"""What an outcome, a due timer or a command makes happen.

`react` gives the events of one append. Each append carries the run on past READY: into the
next step, into a wait, or to its end, so that nothing between two steps is left to a restart.
"""

from dataclasses import replace
from zlib import crc32

from engine.advance import advance, end_of_step
from engine.errors import AlreadyCancelling, NotPaused, RunIsOver
from engine.events import (
    AttemptFailed,
    AttemptInterrupted,
    CancelRequested,
    Event,
    RunPaused,
    RunResumed,
    RunTerminated,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepSlept,
    StepStarted,
    StepTimedOut,
)
from engine.graph import Graph, Occasion, OnInterrupted
from engine.inputs import (
    Answered,
    Asks,
    Begin,
    Broke,
    Cancel,
    Delivered,
    Input,
    Interrupted,
    InterruptionSettled,
    Sleeps,
    Stopped,
    Terminate,
    TimerDue,
)
from engine.run import Run, apply
from engine.transitions import State
from engine.values import Signal, StepError

Events = tuple[Event, ...]


def react(run: Run, graph: Graph, happened: Input, now_ms: int) -> Events:
    """Give the events that follow from what happened; none for a timer that is not due.

    Raises:
        NotPaused: An answer came for a run that waits for nobody.
        RunIsOver: A command came for a run that has ended.
        AlreadyCancelling: A second cancel came.
    """
    match happened:
        case Begin():
            return advance(run, graph, now_ms)
        case Delivered() | Broke() | Asks() | Sleeps() | Stopped() | Interrupted():
            return _outcome(run, graph, happened, now_ms)
        case TimerDue():
            return _timer(run, graph, now_ms)
        case Answered() | InterruptionSettled():
            return _answer(run, graph, happened, now_ms)
        case Cancel():
            return _cancel(run, graph, happened, now_ms)
        case Terminate():
            if run.is_over:
                raise RunIsOver(f"run {run.id} is {run.status}")
            return (RunTerminated(now_ms, happened.reason, happened.caller),)


def _outcome(run: Run, graph: Graph, outcome: Input, now_ms: int) -> Events:
    visit = run.current
    if run.state is not State.EXECUTING or visit is None:
        return ()  # the run has moved on meanwhile: a late outcome changes nothing
    at = (now_ms, visit.step_id, visit.visit)
    match outcome:
        case Delivered(output, data):
            return end_of_step(run, graph, StepCompleted(*at, output, data, None))
        case Broke(error):
            return _broke(run, graph, error, now_ms)
        case Asks() | Sleeps() if run.is_stopping:
            return end_of_step(run, graph, StepCancelled(*at))
        case Asks(signal, deadline_ms):
            return (RunPaused(*at, signal, deadline_ms),)
        case Sleeps(until_ms):
            return (StepSlept(*at, until_ms),)
        case Interrupted() if not run.is_stopping:
            return _interrupted(run, graph, now_ms)
        case _:
            return end_of_step(run, graph, StepCancelled(*at))


def _broke(run: Run, graph: Graph, error: StepError, now_ms: int) -> Events:
    assert run.current is not None  # noqa: S101 - the caller has checked
    visit, step = run.current, graph.steps[run.current.step_id]
    if run.is_stopping:
        return end_of_step(run, graph, StepCancelled(now_ms, visit.step_id, visit.visit))
    if not step.retry.allows(error, visit.attempt):
        return end_of_step(run, graph, StepFailed(now_ms, visit.step_id, visit.visit, error))
    # Jitter drawn from the attempt's name: spread over runs, and the same when asked again.
    jitter = crc32(f"{run.id}:{visit.step_id}:{visit.visit}:{visit.attempt}".encode()) / 2**32
    wait_ms = max(step.retry.delay_ms(visit.attempt, jitter), error.retry_after_ms or 0)
    failed = AttemptFailed(
        now_ms, visit.step_id, visit.visit, visit.attempt, error, now_ms + wait_ms
    )
    return (failed,)


def _interrupted(run: Run, graph: Graph, now_ms: int) -> Events:
    assert run.current is not None  # noqa: S101 - the caller has checked
    visit, step = run.current, graph.steps[run.current.step_id]
    where = (now_ms, visit.step_id, visit.visit)
    message = "the server stopped while the step was running; whether it did its work is unknown"
    match step.on_interrupted:
        case OnInterrupted.RETRY:
            return (AttemptInterrupted(*where, visit.attempt),)
        case OnInterrupted.FAIL:
            error = StepError("Interrupted", message, retryable=False)
            return end_of_step(run, graph, StepFailed(*where, error))
        case OnInterrupted.ASK:
            return (RunPaused(*where, interruption_signal(visit.step_id, message)),)


def interruption_signal(step_id: str, message: str) -> Signal:
    """Give the pause that asks a person what becomes of an interrupted step."""
    return Signal(
        "request_user_action",
        {
            "stepId": step_id,
            "actionId": step_id,
            "message": message,
            "actions": [
                {"value": "run-again", "label": "Run the step again"},
                {"value": "fail", "label": "Let the step fail"},
            ],
        },
        interruption=True,
    )


def _timer(run: Run, graph: Graph, now_ms: int) -> Events:
    visit = run.current
    if visit is None or run.wake_at_ms is None or run.wake_at_ms > now_ms:
        return ()
    where = (now_ms, visit.step_id, visit.visit)
    if run.state is State.BACKING_OFF:
        return (_next_attempt(run, now_ms),)
    if run.state is State.SLEEPING:
        return end_of_step(run, graph, StepCompleted(*where, None, {}, None))
    error = StepError("DeadlinePassed", "nobody answered before the deadline", retryable=False)
    if any(edge.on is Occasion.TIMEOUT for edge in graph.steps[visit.step_id].edges):
        return end_of_step(run, graph, StepTimedOut(*where))
    return end_of_step(run, graph, StepFailed(*where, error))


def _next_attempt(run: Run, now_ms: int) -> StepStarted:
    assert run.current is not None  # noqa: S101 - the caller has checked
    visit = run.current
    return StepStarted(
        now_ms,
        visit.step_id,
        visit.visit,
        visit.attempt + 1,
        visit.step_type,
        visit.step_name,
    )


def _answer(
    run: Run, graph: Graph, happened: Answered | InterruptionSettled, now_ms: int
) -> Events:
    if run.state is not State.PAUSED or run.current is None or run.signal is None:
        raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to resume")
    if run.signal.interruption is not isinstance(happened, InterruptionSettled):
        raise NotPaused(f"run {run.id} waits for another answer")
    where = (now_ms, run.current.step_id, run.current.visit)
    resumed = RunResumed(*where, happened.answer, happened.caller)
    going = apply(run, resumed)
    if isinstance(happened, Answered):
        completed = StepCompleted(*where, happened.output, happened.data, None)
        return (resumed, *end_of_step(going, graph, completed))
    error = StepError("Interrupted", "the server stopped while the step was running")
    if not happened.run_again:
        failed = StepFailed(*where, replace(error, retryable=False))
        return (resumed, *end_of_step(going, graph, failed))
    broke = AttemptFailed(*where, run.current.attempt, error, now_ms)
    return (resumed, broke, _next_attempt(apply(going, broke), now_ms))


def _cancel(run: Run, graph: Graph, command: Cancel, now_ms: int) -> Events:
    if run.is_over:
        raise RunIsOver(f"run {run.id} is {run.status}")
    if run.cancel_requested:
        raise AlreadyCancelling(f"run {run.id} is being cancelled")
    requested = CancelRequested(now_ms, command.reason, command.caller)
    if run.state is State.EXECUTING or run.current is None:
        return (requested,)
    stopped = StepCancelled(now_ms, run.current.step_id, run.current.visit)
    return (requested, *end_of_step(apply(run, requested), graph, stopped))
