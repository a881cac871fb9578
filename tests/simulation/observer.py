"""The invariants, checked after every commit, every reply and every effect.

The observer reads the database directly, and trusts only committed data.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from app.execution.live.waiters import is_settled
from engine import (
    AttemptInterrupted,
    CancelRequested,
    Event,
    NotWaiting,
    ParentWentOn,
    Run,
    RunAdmitted,
    RunIsOver,
    RunResumed,
    RunStarted,
    State,
    Status,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
    StepStarted,
    VisitStatus,
    apply,
)
from engine.errors import IllegalTransition
from journal import place_key
from journal.rows.event_rows import decode_row
from journal.rows.run_ids import run_id as id_of
from journal.rows.run_projection import SELECT_RUNS, projection, turn_of

_ZOMBIE_S = 5
"""How long a step may still act after its run left it: the delay of a disk and the grace period."""


class Violation(AssertionError):
    """An invariant was violated."""


class Observer:
    """The committed histories, folded independently, and what clients were shown of them."""

    def __init__(self, database: sqlite3.Connection, fail: Callable[[BaseException], None]) -> None:
        self._database = database
        self._fail = fail
        self._position = 0
        self.trace: list[str] = []
        self.now_s: Callable[[], float] = lambda: 0.0
        self.runs: dict[str, Run] = {}
        self.folds: dict[str, list[Run]] = {}
        self.answers: dict[str, str] = {}
        self.taken: dict[str, str] = {}
        self.sent = 0
        self.effects = 0
        self.interruptions = 0
        self.detached = 0
        self._left: dict[tuple[str, str, int], float] = {}
        self.is_prompt: Callable[[], bool] = lambda: True
        self._asked_to_stop: dict[str, float] = {}
        self._settled: dict[str, float] = {}
        self._told: dict[str, int] = {}
        self._attempts: dict[tuple[str, str, int], int] = {}

    def say(self, line: str) -> None:
        self.trace.append(f"{self.now_s():9.3f} {line}")

    def violated(self, what: str) -> None:
        self.say(f"VIOLATED: {what}")
        self._fail(Violation(what))

    def committed(self) -> None:
        """Fold the newly committed events, and compare the rows of runs with the result."""
        changed = {}
        rows = self._database.execute(
            "SELECT position, run, seq, type, schema, at_ms, body FROM events"
            " WHERE position > ? ORDER BY position",
            (self._position,),
        ).fetchall()
        for position, number, seq, kept in _each(rows):
            self._position, event = position, self._whole(kept)
            run_id = id_of(number)
            before = self.runs.get(run_id)
            self.say(f"disk: {run_id[-4:]} {seq} {_brief(event)}")
            if seq != (before.seq if before else 0) + 1:
                self.violated(f"event {seq} of {run_id} leaves a gap")
            try:
                after = apply(before.copy() if before else None, event)
            except IllegalTransition as illegal:
                self.violated(f"{run_id}: {illegal}")
                return
            if before and before.held and isinstance(event, StepStarted):
                self.violated(f"{run_id} has begun a step while it was held")
            if before and before.is_over:
                self.violated(f"{run_id} has left the ended state {before.state}")
            if before and before.current and before.current != after.current:
                where = (run_id, before.current.step_id, before.current.visit)
                if after.current is None:
                    self._left[where] = self.now_s()
            if before and _leaves_children(before, event, after):
                self._check_branches(run_id)
            self.runs[run_id] = changed[run_id] = after
            self.folds.setdefault(run_id, []).append(after)
            self._note(run_id, event)
            self._check_detached(after, event)
            if isinstance(event, RunAdmitted):
                self._check_places(after)
        for run_id, run in changed.items():
            self._check_row(run_id, run)

    def _whole(self, event: Event) -> Event:
        """Return an event with the data that its run inherits from its parent's step.

        The parent may have left the step meanwhile because of a command; then the child is stopped.
        """
        if not isinstance(event, RunStarted) or not event.inherits or event.parent is None:
            return event
        place = event.parent
        were_there = (
            parent
            for parent in reversed(self.folds[place.run_id])
            if parent.executions == place.execution
            and parent.current is not None
            and parent.current.attempt == place.attempt
            and (parent.state is State.EXECUTING or parent.waits_for_children)
        )
        parent = next(were_there, None)
        if parent is None:
            what = f"{event.run_id} has its data from a step that {place.run_id} was not in"
            self.violated(what)
            return event
        return replace(event, inherited=parent.data)

    def _check_places(self, admitted: Run) -> None:
        """Check that the concurrency limit is kept, and that runs are admitted in order."""
        place = admitted.place
        assert place is not None
        others = [run for run in self.runs.values() if run.place and not run.is_over
                  and place_key("", run) == place_key("", admitted)]  # fmt: skip
        under_way = [run for run in others if run.state is not State.QUEUED]
        if len(under_way) > place.limit:
            self.violated(f"{len(under_way)} runs are under way, and {place.limit} may be")
        number = int(admitted.id.rpartition("-")[2])
        for run in others:
            if run.state is State.QUEUED and int(run.id.rpartition("-")[2]) < number:
                self.violated(f"{admitted.id} was admitted before {run.id}, which is older")

    def _check_branches(self, run_id: str) -> None:
        """Check that all children of a step have stopped or were left before it completes."""
        for child in self.runs.values():
            is_open = not (child.is_over or child.is_detached)
            if child.parent and child.parent.run_id == run_id and is_open:
                self.violated(f"a step of {run_id} completed though {child.id} had not stopped")

    def _check_detached(self, run: Run, event: Event) -> None:
        """Check that a child that was left when a step completed is stopped only with the run."""
        if not run.is_detached or run.parent is None:
            return
        above = self.runs[run.parent.run_id]
        if isinstance(event, ParentWentOn):
            self.detached += 1
        elif isinstance(event, CancelRequested) and event.caller == "parent":
            ended = above.history[run.parent.execution - 1 :][:1]
            has_completed = [visit.status for visit in ended] == [VisitStatus.COMPLETED]
            if has_completed and above.status not in (Status.CANCELLED, Status.TERMINATED):
                self.violated(f"{run.id} was stopped though {above.id} no longer waits for it")

    def _note(self, run_id: str, event: Event) -> None:
        if is_settled(self.runs[run_id]):
            self._settled.setdefault(run_id, self.now_s())
        else:
            self._settled.pop(run_id, None)
        match event:
            case RunResumed(answer={"type": "wait_for_signal", "signal": dict(signal)}):
                self._takes(run_id, f"{signal['data']}")
            case StepRecorded(name="sent"):
                self.sent += 1
            case CancelRequested():
                self._asked_to_stop[run_id] = self.now_s()
            case StepCancelled() | StepCompleted() | StepFailed():
                asked = self._asked_to_stop.pop(run_id, self.now_s())
                if asked < self.now_s() - _ZOMBIE_S and self.is_prompt():
                    self.violated(f"{run_id} went on for long after it was asked to stop")
            case StepStarted():
                self._attempts[run_id, event.step_id, event.visit] = event.attempt
            case RunResumed() if isinstance(event.answer, dict):
                token = str(event.answer.get("comment"))
                if token in self.answers:
                    self.violated(f"answer {token} was taken twice")
                self.answers[token] = run_id
            case AttemptInterrupted():
                self.interruptions += 1
            case _:
                pass

    def _takes(self, run_id: str, token: str) -> None:
        if token in self.taken:
            self.violated(f"{run_id} takes {token}, as {self.taken[token]} has done")
        self.taken[token] = run_id

    def _check_row(self, run_id: str, run: Run) -> None:
        number = int(run_id.rpartition("-")[2])
        (row,) = self._database.execute(f"{SELECT_RUNS} WHERE id = ?", (number,)).fetchall()
        (newest,) = self._database.execute(
            "SELECT hash FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1", (number,)
        ).fetchone()
        if row != projection(str(row[1]), run, newest, turn_of(run)):
            self.violated(f"the row of {run_id} is not its fold: {row}")

    def reported(self, who: str, run: Run, *, asked_at: int = 0) -> None:
        """Check that a run shown to a client is in a committed state, and not in an old one."""
        folds = self.folds.get(run.id, [])
        if run.seq > len(folds):
            self.violated(f"{who} was shown event {run.seq} of {run.id} before it was on disk")
        elif folds[run.seq - 1] != run:
            self.violated(f"{who} was shown {run.id} as it never was: {run}")
        if run.seq < asked_at:
            self.violated(f"{who} was shown {run.id} as it was before event {asked_at}")
        self._told[run.id] = max(self._told.get(run.id, 0), run.seq)

    def known(self, run_id: str) -> int:
        """Return the newest event of a run that a client has been shown."""
        return self._told.get(run_id, 0)

    def waited(self, run_id: str) -> None:
        """Check that a wait ended without an outcome only if there had long been none."""
        settled = self._settled.get(run_id, self.now_s())
        if settled < self.now_s() - _ZOMBIE_S and self.is_prompt():
            self.violated(f"nobody told who waited for {run_id} that it had ended or paused")

    def refused(self, who: str, run_id: str, why: Exception, seq_before: int) -> None:
        """Check that a committed state explains a refusal."""
        run = self.runs.get(run_id)
        if run is None:
            self.violated(f"{who} was refused for a run that is not on disk: {why}")
        elif isinstance(why, RunIsOver):
            if not run.is_over:
                self.violated(f"{who} was told that {run_id} is over before it was on disk: {why}")
        elif isinstance(why, NotWaiting):
            return  # the state at the time of the request may be long past
        elif self._waits(run) and run.seq == seq_before:
            self.violated(f"{who} was told that {run_id} does not wait, but it does: {why}")

    def _waits(self, run: Run | None) -> bool:
        """Return whether the pause that this run shows is still open and can be answered."""
        shown = _pause_id(run)
        while run and run.pause and run.pause.run_id:
            run = self.runs.get(run.pause.run_id)
        return shown is not None and _pause_id(run) == shown

    def acts(self, run_id: str, step_id: str, visit: int, attempt: int) -> None:
        """Check an effect: the start of its attempt is on disk, and no later attempt's."""
        self.effects += 1
        started = self._attempts.get((run_id, step_id, visit), 0)
        if started < attempt:
            self.violated(
                f"{run_id} {step_id}#{visit}.{attempt} acted before its start was on disk"
            )
        elif self._left.get((run_id, step_id, visit), self.now_s()) < self.now_s() - _ZOMBIE_S:
            self.violated(f"{run_id} {step_id}#{visit} acted long after the run had left it")
        elif started > attempt:
            self.violated(
                f"{run_id} {step_id}#{visit}.{attempt} acted after attempt {started} began"
            )

    def works(self, run_id: str, step_id: str, visit: int, name: str) -> None:
        """Check work that will be recorded: it has not been recorded yet."""
        if run_id not in self.runs:
            self.violated(f"{run_id} {step_id}#{visit} acted before its start was on disk")
            return
        current = self.runs[run_id].current
        here = current is not None and (current.step_id, current.visit) == (step_id, visit)
        if current and here and name in current.records:
            self.violated(f"{run_id} {step_id}#{visit} repeats its record {name}")

    def recalls(self, run_id: str, step_id: str, visit: int, name: str, value: object) -> None:
        """Check a record that a step received: it is on disk, with the same value."""
        history = self.runs[run_id].history
        kept = [
            visited.records[name].value
            for visited in history
            if (visited.step_id, visited.visit) == (step_id, visit) and name in visited.records
        ]
        if kept != [value]:
            self.violated(
                f"{run_id} {step_id}#{visit} continues from record {name}={value}: {kept}"
            )


def _each(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, int, int, Event]]:
    """Yield position, run number, sequence number and event of each event in the rows."""
    for position, number, seq, kinds, schema, at_ms, body in rows:
        events = decode_row(kinds, schema, at_ms, body)
        for back, event in zip(range(len(events) - 1, -1, -1), events, strict=True):
            yield position - back, number, seq - back, event


def _leaves_children(before: Run, event: Event, after: Run) -> bool:
    """Return whether a run leaves, in time, a step that had to wait for its child runs."""
    if isinstance(event, StepCompleted) and before.waits_for_children:
        return True
    waits = before.state is State.STOPPING_CHILDREN and after.current is None
    return waits and not after.is_over and event.at_ms < (before.wake_at_ms or 0)


def _brief(event: Event) -> str:
    if isinstance(event, RunStarted):
        parent = event.parent
        child = (
            f" child of {parent.run_id[-4:]}.{parent.execution}.{parent.attempt} item {parent.item}"
            if parent
            else ""
        )
        return f"RunStarted {event.workflow_id}{child}"
    reported = [
        f"{name}={getattr(event, name)}"
        for name in (
            "attempt",
            "name",
            "value",
            "next_step",
            "reason",
            "output",
            "total",
            "deadline_ms",
            "retry_at_ms",
            "until_ms",
        )
        if getattr(event, name, None) is not None
    ]
    step_id = getattr(event, "step_id", None)
    step = f" {step_id}#{getattr(event, 'visit', None)}" if step_id else ""
    pause = getattr(event, "pause", None)
    asks = f" for {pause.run_id[-4:] if pause.run_id else 'a person'}" if pause else ""
    answer = getattr(event, "answer", None)
    comment = f" {answer.get('comment')}" if isinstance(answer, dict) else ""
    error = getattr(event, "error", None)
    why = f" {error.type}" if error else ""
    return f"{type(event).__name__}{step}{asks}{comment}{why} {' '.join(reported)}".rstrip()[:200]


def _pause_id(run: Run | None) -> object:
    return run.pause.shown(run.id, run.seq)["pauseId"] if run and run.pause else None
