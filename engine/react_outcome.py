"""How the outcome of a step, and what the step reports before it, change a run."""

from zlib import crc32

from engine.advance import end_of_step
from engine.apply import happen
from engine.events import (
    AttemptFailed,
    AttemptInterrupted,
    ChildrenAwaited,
    ChildrenLeft,
    ChildrenResumed,
    Event,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
    StepSlept,
)
from engine.graph import Graph, OnInterrupted
from engine.inputs import (
    AnswerKey,
    AwaitsChildren,
    Broke,
    Delivered,
    Input,
    Interrupted,
    Pauses,
    Recorded,
    Sleeps,
    Stopped,
)
from engine.pause_events import RunPaused
from engine.run import Run
from engine.transitions import State
from engine.values import JsonObject, Pause, StepError

Events = tuple[Event, ...]
_NO_KEY = AnswerKey()


def outcome(run: Run, graph: Graph, happened: Input, now_ms: int) -> Events:
    """React to an outcome; a late outcome changes nothing."""
    visit = run.current
    if visit is None or not (run.state is State.EXECUTING or run.waits_for_children):
        return ()
    if isinstance(happened, Delivered) and run.state is not State.PAUSED:
        return delivered(run, graph, happened, now_ms)
    if isinstance(happened, Interrupted) and run.state is not State.EXECUTING:
        return ()
    if isinstance(happened, AwaitsChildren):
        return _awaits(run, graph, happened, now_ms)
    if run.state is State.PAUSED:
        return (*child_resumed(run, now_ms), *outcome(run, graph, happened, now_ms))
    at = (now_ms, visit.step_id, visit.visit)
    if isinstance(happened, Broke | Stopped) and happened.grace_ms:
        error = happened.error if isinstance(happened, Broke) else None
        return (happen(run, ChildrenLeft(*at, now_ms + happened.grace_ms, error)),)
    match happened:
        case Broke(error):
            return broke(run, graph, error, now_ms)
        case Pauses() | Sleeps() if run.is_stopping:
            return end_of_step(run, graph, StepCancelled, now_ms)
        case Pauses(pause, deadline_ms, wake_at_ms):
            return (happen(run, RunPaused(*at, pause, deadline_ms, wake_at_ms)),)
        case Sleeps(until_ms):
            return (happen(run, StepSlept(*at, until_ms)),)
        case Interrupted() if not run.is_stopping:
            return _interrupted(run, graph, happened, now_ms)
        case _:
            return end_of_step(run, graph, StepCancelled, now_ms)


def delivered(run: Run, graph: Graph, happened: Delivered, now_ms: int) -> Events:
    """React to an output: the run leaves its current step."""
    return end_of_step(
        run, graph, StepCompleted, now_ms,
        output=happened.output, data=happened.data,
        appended=happened.appended, removed=happened.removed,
    )  # fmt: skip


def broke(run: Run, graph: Graph, error: StepError, now_ms: int) -> Events:
    """React to a failed attempt: schedule another attempt, or end the step."""
    assert run.current is not None  # noqa: S101 - the callers have checked
    visit, step = run.current, graph.steps[run.current.step_id]
    if run.is_stopping:
        return end_of_step(run, graph, StepCancelled, now_ms)
    number = step.retry.number_for(error)
    if number is None:
        return end_of_step(run, graph, StepFailed, now_ms, error=error)
    policy, attempt = step.retry.numbered(number), visit.attempt_of(number)
    if attempt >= policy.max_attempts:
        return end_of_step(run, graph, StepFailed, now_ms, error=error)
    # Jitter comes from the attempt's name: it differs between runs and is the same every time.
    jitter = crc32(f"{run.id}:{visit.step_id}:{visit.visit}:{visit.attempt}".encode()) / 2**32
    wait_ms = policy.delay_ms(attempt, jitter, error.retry_after_ms)
    failed = AttemptFailed(
        now_ms, visit.step_id, visit.visit, visit.attempt, error, now_ms + wait_ms, number
    )
    return (happen(run, failed),)


def children_stopped(run: Run, graph: Graph, now_ms: int) -> Events:
    """Continue after the cancelled child runs of the step have stopped."""
    if run.state is not State.STOPPING_CHILDREN:
        return ()
    assert run.current is not None  # noqa: S101 - child runs belong to a step
    visit = run.current
    if visit.error is None:
        return end_of_step(run, graph, StepCancelled, now_ms)
    return broke(run, graph, visit.error, now_ms)


def recorded(run: Run, happened: Recorded, now_ms: int) -> Events:
    """Store the record, unless the run has left that visit or already has the record."""
    visit = run.current
    if (
        visit is None
        or (visit.step_id, visit.visit) != (happened.step_id, happened.visit)
        or happened.name in visit.records
        or not (run.state is State.EXECUTING or run.waits_for_children)
    ):
        return ()
    at = (now_ms, visit.step_id, visit.visit)
    resumed = child_resumed(run, now_ms)
    return (*resumed, happen(run, StepRecorded(*at, happened.name, happened.value)))


def child_resumed(run: Run, now_ms: int, key: AnswerKey = _NO_KEY) -> Events:
    """Move a run from the pause of a child run back to waiting for it."""
    if run.state is not State.PAUSED or not run.waits_for_children or run.current is None:
        return ()
    where = (now_ms, run.current.step_id, run.current.visit)
    return (happen(run, ChildrenResumed(*where, key.key, key.fingerprint)),)


def _awaits(run: Run, graph: Graph, happened: AwaitsChildren, now_ms: int) -> Events:
    assert run.current is not None  # noqa: S101 - the caller has checked
    at = (now_ms, run.current.step_id, run.current.visit)
    if run.is_stopping:
        return end_of_step(run, graph, StepCancelled, now_ms)
    deadline_ms = run.wake_at_ms
    before: Events = ()
    if run.state is State.EXECUTING:
        deadline_ms = happened.deadline_ms
        before = (happen(run, ChildrenAwaited(*at, happened.total, deadline_ms)),)
    elif run.pause == happened.pause:
        return ()
    else:
        before = child_resumed(run, now_ms)
    if happened.pause is None:
        return before
    return (*before, happen(run, RunPaused(*at, happened.pause, deadline_ms)))


def _interrupted(run: Run, graph: Graph, happened: Interrupted, now_ms: int) -> Events:
    assert run.current is not None  # noqa: S101 - the caller has checked
    visit, step = run.current, graph.steps[run.current.step_id]
    where = (now_ms, visit.step_id, visit.visit)
    message = "the server stopped while the step was running; whether it did its work is unknown"
    if step.on_interrupted is OnInterrupted.ASK:
        body: JsonObject = {
            "stepId": visit.step_id,
            "actionId": visit.step_id,
            "message": message,
            "actions": list(happened.choices),
        }
        pause = Pause("request_user_action", body, interruption=True)
        return (happen(run, RunPaused(*where, pause)),)
    if step.on_interrupted is OnInterrupted.RETRY:
        count = visit.interruptions + (not happened.in_order)
        if happened.in_order or count < happened.most:
            return (happen(run, AttemptInterrupted(*where, visit.attempt, happened.in_order)),)
        message = (
            f"the process has ended {'once' if count == 1 else f'{count} times'} while the step "
            "was running, so the step may be the cause; it is not run again"
        )
    error = StepError("Interrupted", message, retryable=False)
    return end_of_step(run, graph, StepFailed, now_ms, error=error)
