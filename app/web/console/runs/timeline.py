"""The timeline of a run for people: its history folded step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.events.catalogue import KINDS
from app.execution.usage import calls_of, usage_of
from app.secrets.sensitive import shown_data
from app.web.console.diagram.graph import StepState
from app.web.console.icons import icon
from app.wire.runs.transcript import conversation
from engine import (
    AttemptFailed,
    AttemptInterrupted,
    CarriedVisit,
    Event,
    JsonObject,
    Run,
    RunPaused,
    StepCompleted,
    StepFailed,
    StepSlept,
    StepStarted,
    Visit,
    VisitAnswer,
    VisitStatus,
    WaitEnded,
    apply,
)
from engine.value import value

_NOTHING_SAID: JsonObject = dict.fromkeys(
    (
        "role", "text", "calls", "tool", "ok", "result", "error", "about", "by", "duration", "at",
        "approved", "value", "comment", "attachments", "arguments", "agent", "workflow", "allowed",
        "reason", "model", "usage",
    )
)  # fmt: skip


_BEGIN_TO_WAIT = (AttemptFailed, RunPaused, StepSlept)
_ANSWERED = ("actionValue", "comment", "attachments", "data")


def _answer(given: VisitAnswer) -> dict[str, Any]:
    """Return an answer as it is shown, including one of several."""
    answer = given.answer if isinstance(given.answer, dict) else {}
    shown = {name: answer.get(name) for name in _ANSWERED}
    return {"answer": shown, "caller": given.caller, "at_ms": given.at_ms}


@dataclass(slots=True)
class TimelineAttempt:
    """One attempt of a step."""

    number: int
    began_ms: int
    ended_ms: int | None = None
    error: dict[str, str] | None = None
    retry_at_ms: int | None = None
    interrupted: bool = False

    @property
    def took_ms(self) -> int | None:
        """How long it took, None while it is under way."""
        return None if self.ended_ms is None else self.ended_ms - self.began_ms


@dataclass(slots=True)
class TimelineEntry:
    """One visit of a step.

    Attributes:
        seq: The number of the event with which it began.
        data: The run's data as the run entered the step.
        waits: From when until when it waited: for a person, a moment or its next attempt.
    """

    seq: int
    step_id: str
    data: JsonObject
    attempts: list[TimelineAttempt] = field(default_factory=list)
    waits: list[tuple[int, int | None]] = field(default_factory=list)
    visit: Visit | None = None


@value(frozen=True, slots=True)
class Timeline:
    """A run and its visits, oldest first."""

    run: Run
    entries: list[TimelineEntry]


def timeline_of(events: Sequence[Event]) -> Timeline:
    """Fold a history, and keep the data that each step saw. Raises `IllegalTransition`."""
    run: Run | None = None
    entries: list[TimelineEntry] = []
    for event in events:
        run = apply(run, event)
        if isinstance(event, StepStarted) and event.attempt == 1:
            entries.append(TimelineEntry(run.seq, event.step_id, shown_data(run.data)))
        if entries:
            _note(entries[-1], event)
    assert run is not None  # noqa: S101 - a history is not empty
    for entry, visit in zip(entries, run.history, strict=True):
        entry.visit = visit
        if visit.ended_at_ms is not None and entry.attempts[-1].ended_ms is None:
            entry.attempts[-1].ended_ms = visit.ended_at_ms
    return Timeline(run, entries)


def lines_of(events: Sequence[Event], most: int) -> list[dict[str, Any]]:
    """Return the newest events as the page lists them."""
    first = max(0, len(events) - most)
    return [_line(seq, event) for seq, event in enumerate(events[first:], first + 1)]


def _note(entry: TimelineEntry, event: Event) -> None:
    may_wait = entry.waits or isinstance(event, _BEGIN_TO_WAIT)
    if may_wait and getattr(event, "step_id", None) == entry.step_id:
        _note_wait(entry, event)
    match event:
        case StepStarted():
            entry.attempts.append(TimelineAttempt(event.attempt, event.at_ms))
        case AttemptFailed():
            last = entry.attempts[-1]
            last.ended_ms, last.retry_at_ms = event.at_ms, event.retry_at_ms
            last.error = {"type": event.error.type, "message": event.error.message}
        case AttemptInterrupted():
            entry.attempts[-1].interrupted = True
        case StepFailed():
            entry.attempts[-1].ended_ms = event.at_ms
            entry.attempts[-1].error = {"type": event.error.type, "message": event.error.message}
        case StepCompleted():
            entry.attempts[-1].ended_ms = event.at_ms
        case _:
            pass


def _note_wait(entry: TimelineEntry, event: Event) -> None:
    if entry.waits and entry.waits[-1][1] is None and not isinstance(event, WaitEnded):
        entry.waits[-1] = (entry.waits[-1][0], event.at_ms)
    if isinstance(event, _BEGIN_TO_WAIT):
        entry.waits.append((event.at_ms, None))


def _line(seq: int, event: Event) -> dict[str, Any]:
    return {
        "seq": seq,
        "at_ms": event.at_ms,
        "name": KINDS[type(event)].name,
        "step": getattr(event, "step_id", None),
        "by": getattr(event, "caller", ""),
        "reason": getattr(event, "reason", None),
    }


def states_of(run: Run) -> dict[str, StepState]:
    """Return the state of each step that the run has entered."""
    states: dict[str, StepState] = {}
    for past in run.carried:
        visits = run.visits.get(past.step_id, 1)
        states[past.step_id] = StepState(past.status, visits, is_carried=True)
    for visit in run.history:
        states[visit.step_id] = StepState(status_of(visit), run.visits.get(visit.step_id, 1))
    return states


def status_of(visit: Visit) -> str:
    """Return the visit's status, `waiting` between two attempts."""
    return "waiting" if visit.retry_at_ms is not None else visit.status.value


def shown(entry: TimelineEntry, now_ms: int) -> dict[str, Any]:
    """Return a visit as the page shows it."""
    visit = entry.visit
    assert visit is not None  # noqa: S101 - set by `timeline_of`
    ended_ms = visit.ended_at_ms if visit.ended_at_ms is not None else now_ms
    return {
        "id": f"visit-{entry.seq}",
        "seq": entry.seq,
        "step_id": visit.step_id,
        "name": visit.step_name or visit.step_id,
        "type": visit.step_type,
        "status": status_of(visit),
        "visit": visit.visit,
        "began_ms": visit.started_at_ms,
        "took_ms": ended_ms - visit.started_at_ms,
        "is_open": visit.ended_at_ms is None,
        "icon": icon(visit.step_type),
        "said": _said(visit),
        "input": entry.data,
        "output": visit.output,
        "has_output": visit.status is VisitStatus.COMPLETED,
        "error": {"type": visit.error.type, "message": visit.error.message}
        if visit.error
        else None,
        "retry_at_ms": visit.retry_at_ms,
        "attempts": [_attempt(item) for item in entry.attempts],
        "answers": [_answer(answer) for answer in visit.answers],
        "calls": calls_of(visit),
        "usage": usage_of([visit]),
        "children": visit.children,
    }


def shown_carried(visit: CarriedVisit, number: int) -> dict[str, Any]:
    """Return a visit of an earlier run as the page shows it."""
    return {
        "id": f"carried-{number}",
        "run_id": visit.run_id,
        "step_id": visit.step_id,
        "name": visit.step_name or visit.step_id,
        "type": visit.step_type,
        "status": visit.status,
        "visit": visit.visit,
        "attempts": visit.attempt,
        "began_ms": visit.started_at_ms,
        "took_ms": visit.ended_at_ms - visit.started_at_ms,
        "output": visit.output,
        "has_output": visit.status == VisitStatus.COMPLETED and not visit.left_out,
        "left_out": visit.left_out,
        "error": {"type": visit.error.type, "message": visit.error.message}
        if visit.error
        else None,
    }


def _attempt(item: TimelineAttempt) -> dict[str, Any]:
    return {
        "number": item.number,
        "began_ms": item.began_ms,
        "took_ms": item.took_ms,
        "error": item.error,
        "retry_at_ms": item.retry_at_ms,
        "interrupted": item.interrupted,
    }


def _said(visit: Visit) -> "list[JsonObject] | None":
    """Return the messages of a visit, each with every key that the page uses."""
    said = conversation(visit)
    messages = said["messages"] if said else None
    if not isinstance(messages, list):
        return None
    return [_NOTHING_SAID | item for item in messages if isinstance(item, dict)]
