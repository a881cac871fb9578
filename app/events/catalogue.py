"""Lists every event seen from outside: its public name, its meaning and its fields.

This is the only table from the engine's event types to public names. Streams, webhooks, filters and
docs/events.md are made from it. The meaning of a name never changes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from app.execution.usage import call_of
from app.secrets.sensitive import shown_data
from engine import (
    PAUSE_UPKEEP,
    AttemptFailed,
    AttemptInterrupted,
    CancelRequested,
    ChildrenAwaited,
    ChildrenLeft,
    ChildrenResumed,
    DataChanged,
    Event,
    HandlerEntered,
    JsonObject,
    ParentWentOn,
    PauseChanged,
    Record,
    RunAdmitted,
    RunCancelled,
    RunCompleted,
    RunError,
    RunFailed,
    RunHeld,
    RunOverdue,
    RunPaused,
    RunQueued,
    RunReleased,
    RunResumed,
    RunStarted,
    RunTerminated,
    Status,
    StepCancelled,
    StepCompleted,
    StepError,
    StepFailed,
    StepGivenUp,
    StepRecorded,
    StepSkipped,
    StepSlept,
    StepStarted,
    StepTimedOut,
    WaitEnded,
    iso_time,
)
from engine.value import value


@value(frozen=True, slots=True)
class EventKind:
    """One kind of event.

    Attributes:
        name: Its public name.
        means: One sentence that explains it.
        shows: Returns its own fields, besides those that all events have.
        status: The run's status from this event on; None if the event does not change it.
    """

    name: str
    means: str
    shows: Callable[[Any], JsonObject]
    status: Status | None = None


def _started(event: RunStarted) -> JsonObject:
    shown: JsonObject = {"version": event.version, "nextStepId": event.first_step}
    if event.origin is not None:
        origin = event.origin
        reason: JsonObject = {"reason": origin.reason} if origin.reason else {}
        shown["origin"] = {"runId": origin.run_id, "stepId": origin.step_id, **reason}
        shown["carriedVisits"] = len(event.carried)
    if event.body:
        shown["body"] = event.body
    return {**shown, "data": shown_data(event.whole_data)}


def _place(event: RunQueued) -> JsonObject:
    place = event.place
    return {"key": place.key, "limit": place.limit, "whenFull": place.when_full,
            "priority": place.priority}  # fmt: skip


def _step(event: StepStarted) -> JsonObject:
    named: JsonObject = {} if event.step_name is None else {"stepName": event.step_name}
    return {"attempt": event.attempt, "stepType": event.step_type, **named}


def _attempt_failed(event: AttemptFailed) -> JsonObject:
    again = iso_time(event.retry_at_ms)
    return {"attempt": event.attempt, "error": _error(event.error), "retryAt": again}


def _attempt(event: AttemptInterrupted) -> JsonObject:
    return {"attempt": event.attempt}


def _recorded(event: StepRecorded) -> JsonObject:
    # Nested, because the data of a call has its own fields `run` and `error`.
    call = call_of(event.name, Record(event.at_ms, event.value))
    return {"name": event.name} if call is None else {"name": event.name, "call": call}


def _awaited(event: ChildrenAwaited) -> JsonObject:
    return {"childRuns": event.total, **_moment("deadline", event.deadline_ms)}


def _children_left(event: ChildrenLeft) -> JsonObject:
    error: JsonObject = {} if event.error is None else {"error": _error(event.error)}
    return {"until": iso_time(event.until_ms), **error}


def _slept(event: StepSlept) -> JsonObject:
    return {"until": iso_time(event.until_ms)}


def _paused(event: RunPaused) -> JsonObject:
    pause: JsonObject = {"type": event.pause.type, **event.pause.body}
    return {"pauseSignal": pause, **_moment("deadline", event.deadline_ms)}


def _pause_changed(event: PauseChanged) -> JsonObject:
    shown: JsonObject = {"what": event.what, "caller": event.caller, "note": event.note}
    given: JsonObject = {} if event.answer is None else {"answer": event.answer}
    changed = {name: item for name, item in event.body.items() if name not in PAUSE_UPKEEP}
    return {**shown, **given, "changed": changed}


def _resumed(event: RunResumed) -> JsonObject:
    return {"answer": event.answer, "caller": event.caller}


def _completed(event: StepCompleted) -> JsonObject:
    return {"output": event.output, "nextStepId": event.next_step}


def _failed(event: StepFailed) -> JsonObject:
    return {"error": _error(event.error), "nextStepId": event.next_step}


def _left(event: StepTimedOut | StepCancelled) -> JsonObject:
    return {"nextStepId": event.next_step}


def _asked(event: CancelRequested | RunTerminated) -> JsonObject:
    return {"reason": event.reason, "caller": event.caller}


def _repaired(event: WaitEnded | StepGivenUp | StepSkipped | RunHeld | RunReleased) -> JsonObject:
    return {"reason": event.reason, "caller": event.caller}


def _changed(event: DataChanged) -> JsonObject:
    removed: JsonObject = {"removed": event.removed} if event.removed else {}
    return {"data": shown_data(event.data), **removed, "reason": event.reason,
            "caller": event.caller}  # fmt: skip


def _handler(event: HandlerEntered) -> JsonObject:
    ending = event.ending
    error: JsonObject = {} if ending.error is None else _run_error(ending.error)
    return {"handler": event.handler, "nextStepId": event.next_step, "ending": ending.status,
            **error}  # fmt: skip


def _result(event: RunCompleted) -> JsonObject:
    return {"result": event.result}


def _run_failed(event: RunFailed) -> JsonObject:
    return _run_error(event.error)


def _cancelled(event: RunCancelled) -> JsonObject:
    return {} if event.error is None else _run_error(event.error)


def _run_error(error: RunError) -> JsonObject:
    shown: JsonObject = {"stepId": error.step_id, "type": error.type}
    return {"error": {**shown, "message": error.message, "attempts": error.attempts}}


def _nothing(_: Event) -> JsonObject:
    return {}


def _error(error: StepError) -> JsonObject:
    return {"type": error.type, "message": error.message}


def _moment(name: str, at_ms: int | None) -> JsonObject:
    return {} if at_ms is None else {name: iso_time(at_ms)}


KINDS: Mapping[type[Event], EventKind] = {
    RunStarted: EventKind("run.started", "A run exists.", _started, Status.RUNNING),
    RunQueued: EventKind(
        "run.queued", "The run waits for a place under its `concurrency` limit.", _place
    ),
    RunAdmitted: EventKind("run.admitted", "The run has got its place and begins.", _nothing),
    RunPaused: EventKind("run.paused", "The run waits for a person.", _paused, Status.PAUSED),
    PauseChanged: EventKind(
        "pause.changed",
        "A question was claimed, released, delegated, escalated, reminded of or answered by one of "
        "several; it stays open.",
        _pause_changed,
    ),
    RunResumed: EventKind("run.resumed", "A person has answered.", _resumed, Status.RUNNING),
    RunCompleted: EventKind(
        "run.completed", "The run has reached the end of its workflow.", _result, Status.COMPLETED
    ),
    RunFailed: EventKind("run.failed", "The run has failed.", _run_failed, Status.FAILED),
    CancelRequested: EventKind(
        "run.cancel_requested", "Somebody has asked the run to stop gracefully.", _asked
    ),
    RunOverdue: EventKind(
        "run.overdue", "The run has taken longer than its timeout, and is stopped.", _nothing
    ),
    HandlerEntered: EventKind(
        "run.handler_entered", "The run would have ended, but enters `onError` or `finally`.",
        _handler,
    ),
    RunCancelled: EventKind("run.cancelled", "The run has stopped.", _cancelled, Status.CANCELLED),
    RunTerminated: EventKind(
        "run.terminated", "The run was ended at once.", _asked, Status.TERMINATED
    ),
    StepStarted: EventKind("step.started", "An attempt of a step begins.", _step),
    StepCompleted: EventKind("step.completed", "The step has delivered its output.", _completed),
    StepFailed: EventKind("step.failed", "The step has failed for good.", _failed),
    StepTimedOut: EventKind("step.timed_out", "Nobody answered before the deadline.", _left),
    StepCancelled: EventKind("step.cancelled", "A cancel has stopped the step.", _left),
    AttemptFailed: EventKind(
        "attempt.failed", "An attempt has failed, and another follows.", _attempt_failed
    ),
    AttemptInterrupted: EventKind(
        "attempt.interrupted", "A restart found the attempt in flight; it runs again.", _attempt
    ),
    StepRecorded: EventKind(
        "step.recorded", "A part of the step is done, such as a call of a model.", _recorded
    ),
    StepSlept: EventKind("step.sleeping", "The step sleeps until a moment in time.", _slept),
    ChildrenAwaited: EventKind("children.awaited", "The step waits for child runs.", _awaited),
    ChildrenResumed: EventKind(
        "children.resumed", "A child run that waited for a person continues.", _nothing,
        Status.RUNNING,
    ),
    ChildrenLeft: EventKind(
        "children.left", "The step has failed or is cancelled, and its child runs are stopped.",
        _children_left,
    ),
    ParentWentOn: EventKind(
        "run.parent_went_on", "The parent run no longer waits for this run, which continues.",
        _nothing,
    ),
    WaitEnded: EventKind(
        "step.hurried", "Somebody started the next attempt early, or ended a sleep.", _repaired
    ),
    StepGivenUp: EventKind(
        "step.given_up", "Somebody made a step fail that waited for its next attempt.", _repaired
    ),
    StepSkipped: EventKind(
        "step.skipped", "Somebody supplied the step's output instead of executing it.", _repaired
    ),
    DataChanged: EventKind("run.data_changed", "Somebody has changed the run's data.", _changed),
    RunHeld: EventKind("run.held", "Somebody has put the run on hold: no step begins.", _repaired),
    RunReleased: EventKind("run.released", "The hold has ended; the run continues.", _repaired),
}  # fmt: skip
"""One row for every event type of the engine."""

NAMES: tuple[str, ...] = tuple(kind.name for kind in KINDS.values())

LAST_KINDS = frozenset(
    kind.__name__ for kind, row in KINDS.items() if row.status and row.status.is_over
)
"""The journal's names of the events that end a run: no others follow."""


def kinds_named(names: Collection[str] | None, statuses: Collection[str] | None) -> list[str]:
    """Return the journal's names of the events with these public names that lead to these statuses.

    A name may stand for a group, such as `run.*`, or for all: `*`. None does not filter.
    """
    return [
        kind.__name__
        for kind, row in KINDS.items()
        if (names is None or any(_fits(name, row.name) for name in names))
        and (statuses is None or row.status in statuses)
    ]


def unknown_names(names: Iterable[str]) -> list[str]:
    """Return those of the names that match no event."""
    return [name for name in names if not any(_fits(name, known) for known in NAMES)]


def _fits(asked: str, name: str) -> bool:
    return asked in (name, "*") or (asked.endswith(".*") and name.startswith(asked[:-1]))
