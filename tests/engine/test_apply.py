"""What each event changes in a run, and which events are refused: one row for each case."""

from dataclasses import fields, replace
from typing import Any

import pytest

from engine import (
    EVENT_TYPES,
    AttemptFailed,
    AttemptInterrupted,
    CarriedVisit,
    ChildrenAwaited,
    ChildrenLeft,
    ChildrenResumed,
    DataChanged,
    Ending,
    Event,
    HandlerEntered,
    Hold,
    IllegalTransition,
    Origin,
    Parent,
    ParentWentOn,
    PauseChanged,
    Place,
    Record,
    Run,
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
    Starter,
    State,
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
    Visit,
    VisitAnswer,
    VisitStatus,
    WaitEnded,
    apply,
    fold,
)
from tests.engine.histories import (
    AGAIN,
    BROKEN,
    CANCELLED,
    CHILD,
    CRASH,
    LOOPED,
    PERSON,
    RETRYING,
    RUN,
    SLEEPING,
    STOPPING,
    inside,
    paused,
    started,
    with_children,
)

CHILDREN = with_children("plain", RunPaused(11, "plain", 1, CHILD, 500), deadline_ms=500)
ASKED_TWICE = with_children(
    "plain",
    RunPaused(11, "plain", 1, CHILD),
    ChildrenResumed(12, "plain", 1, "k-1", "f-1"),
    RunPaused(13, "plain", 1, CHILD),
)
PLACE = Place("ann", 2, "refuse", 5)
WAITING = (started("plain"), RunQueued(20, PLACE))
LATE = RunError("plain", "Timeout", "late", status=504, body="no")
OVERDUE = inside("plain", RunOverdue(20), first={"deadline_ms": 15})
LEFT = {"current": None, "pause": None, "wake_at_ms": None}
DONE = {"status": VisitStatus.COMPLETED, "ended_at_ms": 20}


def differences(before: Any, after: Any) -> dict[str, Any]:
    """Return the fields that changed, except for those that every event changes."""
    return {
        field.name: getattr(after, field.name)
        for field in fields(after)
        if field.name not in ("seq", "updated_at_ms", "state")
        and getattr(after, field.name) != getattr(before, field.name)
    }


def changes(before: Run, after: Run) -> dict[str, Any]:
    """Return the changes: of visits only the fields, including those of the visit that ended."""
    changed = differences(before, after)
    if before.current and after.current:
        changed["current"] = differences(before.current, after.current)
    if before.current and "past" in changed:
        assert after.past[:-1] == before.past
        changed["past"] = differences(before.current, after.past[-1])
    return {name: change for name, change in changed.items() if name != "current" or change != {}}


ENTERED = Visit("plain", 1, "call-api", "Call it", VisitStatus.RUNNING, 1, 20)

FAILED = inside(
    "catches", StepFailed(20, "catches", 1, BROKEN, "mend"), StepStarted(20, "mend", 1, 1, "t")
)

ENDING = inside(
    "end", StepCompleted(10, "end", 1, 7, {}, None),
    HandlerEntered(10, "finally", "mend", Ending("completed")),
)  # fmt: skip

BELOW = inside("plain", first={"parent": Parent("dynamic-workflow-0", "call", 2, 1, 3, 1)})

BOB_SAID = VisitAnswer(20, "bob", {})

CHANGES = [
    ("a step is entered", (started("plain"),), StepStarted(20, "plain", 1, 1, "call-api", "Call it"), State.EXECUTING,
     {"current": ENTERED, "next_step": None, "visits": {"plain": 1}, "executions": 1}),
    ("and entered again", LOOPED, StepStarted(20, "loops", 2, 1, "t"), State.EXECUTING,
     {"current": Visit("loops", 2, "t", None, VisitStatus.RUNNING, 1, 20), "next_step": None, "visits": {"loops": 2}, "executions": 2}),
    ("a rerun counts what it enters itself", (started("plain", visits={"plain": 4, "open": 1}),), StepStarted(20, "plain", 5, 1, "call-api"), State.EXECUTING,
     {"current": Visit("plain", 5, "call-api", None, VisitStatus.RUNNING, 1, 20), "next_step": None, "visits": {"plain": 5, "open": 1}, "executions": 1}),
    ("an attempt fails", inside("retries"), AttemptFailed(20, "retries", 1, 1, BROKEN, 800), State.BACKING_OFF,
     {"current": {"error": BROKEN, "retry_at_ms": 800}, "wake_at_ms": 800}),
    ("another follows", RETRYING, StepStarted(800, "retries", 1, 2, "t", "Try it"), State.EXECUTING,
     {"current": {"attempt": 2, "retry_at_ms": None, "attempted_at_ms": 800}, "wake_at_ms": None}),
    ("against which earlier interruptions do not count", inside("retries", AttemptInterrupted(5, "retries", 1, 1), AttemptFailed(10, "retries", 1, 1, BROKEN, 800)),
     StepStarted(800, "retries", 1, 2, "t", "Try it"), State.EXECUTING, {"current": {"attempt": 2, "retry_at_ms": None, "attempted_at_ms": 800, "interruptions": 0}, "wake_at_ms": None}),
    ("an interrupted attempt continues", inside("plain"), AttemptInterrupted(20, "plain", 1, 1), State.EXECUTING, {"current": {"interruptions": 1}}),
    ("and once more", inside("plain", AttemptInterrupted(10, "plain", 1, 1)), AttemptInterrupted(20, "plain", 1, 1), State.EXECUTING, {"current": {"interruptions": 2}}),
    ("which is not counted after a graceful stop", inside("plain"), AttemptInterrupted(20, "plain", 1, 1, in_order=True), State.EXECUTING, {}),
    ("nor any more once it has got on", inside("plain", AttemptInterrupted(10, "plain", 1, 1)), ChildrenAwaited(20, "plain", 1, 3, 500), State.AWAITING_CHILDREN,
     {"current": {"interruptions": 0, "children": 3}, "wake_at_ms": 500}),
    ("a record is kept", inside("plain"), StepRecorded(20, "plain", 1, "a", 1), State.EXECUTING, {"current": {"records": {"a": Record(20, 1)}}}),
    ("and another", inside("plain", StepRecorded(10, "plain", 1, "a", 1)), StepRecorded(20, "plain", 1, "b", None), State.EXECUTING,
     {"current": {"records": {"a": Record(10, 1), "b": Record(20, None)}}}),
    ("a record ends the wait for children", with_children("plain", deadline_ms=500), StepRecorded(20, "plain", 1, "a", 1), State.EXECUTING,
     {"current": {"records": {"a": Record(20, 1)}}, "wake_at_ms": None}),
    ("a step waits for children", inside("plain"), ChildrenAwaited(20, "plain", 1, 3, 500), State.AWAITING_CHILDREN, {"current": {"children": 3}, "wake_at_ms": 500}),
    ("one of them asks", with_children("plain", deadline_ms=500), RunPaused(20, "plain", 1, CHILD, 500), State.PAUSED,
     {"current": {"status": VisitStatus.PAUSED}, "pause": CHILD, "pause_seq": 4, "answer_by_ms": 500}),
    ("and continues, with the same deadline", CHILDREN, ChildrenResumed(20, "plain", 1), State.AWAITING_CHILDREN,
     {"current": {"status": VisitStatus.RUNNING}, "pause": None, "answer_by_ms": None}),
    ("whose answer had a key", CHILDREN, ChildrenResumed(20, "plain", 1, "k-1", "f-1"), State.AWAITING_CHILDREN,
     {"current": {"status": VisitStatus.RUNNING}, "pause": None, "answer_by_ms": None, "answers": {"k-1": "f-1"}}),
    ("beside the key of an earlier answer", ASKED_TWICE, ChildrenResumed(20, "plain", 1, "k-2", "f-2"), State.AWAITING_CHILDREN,
     {"current": {"status": VisitStatus.RUNNING}, "pause": None, "answers": {"k-1": "f-1", "k-2": "f-2"}}),
    ("children are left after a failure", with_children("catches", deadline_ms=900), ChildrenLeft(20, "catches", 1, 520, BROKEN), State.STOPPING_CHILDREN,
     {"current": {"error": BROKEN}, "wake_at_ms": 520}),
    ("or because of a cancel", with_children("tidies", CANCELLED), ChildrenLeft(20, "tidies", 1, 520), State.STOPPING_CHILDREN, {"wake_at_ms": 520}),
    ("which leaves the error of an earlier attempt", (*AGAIN, ChildrenAwaited(900, "retries", 1, 2, None), STOPPING), ChildrenLeft(920, "retries", 1, 1_420), State.STOPPING_CHILDREN, {"wake_at_ms": 1_420}),
    ("a step sleeps", inside("plain"), StepSlept(20, "plain", 1, 800), State.SLEEPING, {"wake_at_ms": 800}),
    ("a person is asked", inside("asks"), RunPaused(20, "asks", 1, PERSON, 500), State.PAUSED,
     {"current": {"status": VisitStatus.PAUSED}, "pause": PERSON, "pause_seq": 3, "wake_at_ms": 500, "answer_by_ms": 500}),
    ("and is reminded before the deadline", inside("asks"), RunPaused(20, "asks", 1, PERSON, 500, 100), State.PAUSED,
     {"current": {"status": VisitStatus.PAUSED}, "pause": PERSON, "pause_seq": 3, "wake_at_ms": 100, "answer_by_ms": 500}),
    ("somebody claims the question", paused("asks", PERSON, 500), PauseChanged(20, "asks", 1, "claimed", {"claimedBy": "bob"}, "bob", wake_at_ms=500), State.PAUSED,
     {"pause": replace(PERSON, body={**PERSON.body, "claimedBy": "bob"}), "pause_changes": {"claimedBy": "bob"}}),
    ("one of several answers comes, with a key", paused("asks", PERSON), PauseChanged(20, "asks", 1, "answered", {"answers": []}, "bob", "", {}, "k-1", "f-1"), State.PAUSED,
     {"current": {"answers": (BOB_SAID,)}, "pause": replace(PERSON, body={**PERSON.body, "answers": []}), "pause_changes": {"answers": []}, "answers": {"k-1": "f-1"}}),
    ("it is late, and waits on", paused("asks", PERSON, 500), PauseChanged(500, "asks", 1, "overdue", {"overdue": True}), State.PAUSED,
     {"pause": replace(PERSON, body={**PERSON.body, "overdue": True}), "pause_changes": {"overdue": True}, "wake_at_ms": None, "answer_by_ms": None}),
    ("and answers", paused("asks", PERSON, 500), RunResumed(20, "asks", 1, {}, "bob"), State.EXECUTING,
     {"current": {"status": VisitStatus.RUNNING, "answers": (BOB_SAID,)}, "pause": None, "wake_at_ms": None, "answer_by_ms": None}),
    ("with a key", paused("asks", PERSON), RunResumed(20, "asks", 1, {}, "bob", "k-1", "f-1"), State.EXECUTING,
     {"current": {"status": VisitStatus.RUNNING, "answers": (BOB_SAID,)}, "pause": None, "answers": {"k-1": "f-1"}}),
    ("beside the key of an earlier answer", inside("asks", RunPaused(10, "asks", 1, PERSON), RunResumed(11, "asks", 1, {}, "bob", "k-1", "f-1"), RunPaused(12, "asks", 1, PERSON)),
     RunResumed(20, "asks", 1, {}, "bob", "k-2", "f-2"), State.EXECUTING,
     {"current": {"status": VisitStatus.RUNNING, "answers": (VisitAnswer(11, "bob", {}), BOB_SAID)}, "pause": None, "answers": {"k-1": "f-1", "k-2": "f-2"}}),
    ("a step completes", inside("plain"), StepCompleted(20, "plain", 1, {"n": 1}, {"size": 6, "m": 2}, "end"), State.READY,
     {"current": None, "past": {**DONE, "output": {"n": 1}}, "next_step": "end", "data": {"size": 6, "m": 2}, "outputs": {"plain": {"n": 1}}}),
    ("and what earlier steps gave is kept", inside("loops", StepCompleted(5, "loops", 1, 6, {"m": 1}, "plain"), StepStarted(5, "plain", 1, 1, "t")), StepCompleted(20, "plain", 1, 7, {}, "end"), State.READY,
     {"current": None, "past": {**DONE, "output": 7}, "next_step": "end", "outputs": {"loops": 6, "plain": 7}}),
    ("after a failed attempt, with no error left", AGAIN, StepCompleted(20, "retries", 1, 7, {}, "end"), State.READY,
     {"current": None, "past": {**DONE, "output": 7, "error": None}, "next_step": "end", "outputs": {"retries": 7}}),
    ("a sleep ends", SLEEPING, StepCompleted(20, "plain", 1, None, {}, "end"), State.READY,
     {"current": None, "past": DONE, "next_step": "end", "outputs": {"plain": None}, "wake_at_ms": None}),
    ("a step fails", inside("catches"), StepFailed(20, "catches", 1, BROKEN, "mend"), State.READY,
     {"current": None, "past": {"status": VisitStatus.FAILED, "ended_at_ms": 20, "error": BROKEN}, "next_step": "mend", "last_error": BROKEN, "failed_in": "catches"}),
    ("a list gains items", inside("plain"), StepCompleted(10, "plain", 1, 7, {"rows": [1]}, "end", {"rows": [2, 3], "seen": [4]}), State.READY,
     {"current": None, "past": {**DONE, "ended_at_ms": 10, "output": 7}, "next_step": "end", "outputs": {"plain": 7}, "data": {"size": 5, "rows": [1, 2, 3], "seen": [4]}}),
    ("what is no list becomes one", inside("plain"), StepCompleted(10, "plain", 1, 7, {}, "end", {"size": [6]}), State.READY,
     {"current": None, "past": {**DONE, "ended_at_ms": 10, "output": 7}, "next_step": "end", "outputs": {"plain": 7}, "data": {"size": [6]}}),
    ("names are taken out first", inside("plain"), StepCompleted(10, "plain", 1, 7, {"m": 2}, "end", {}, ["size", "gone"]), State.READY,
     {"current": None, "past": {**DONE, "ended_at_ms": 10, "output": 7}, "next_step": "end", "outputs": {"plain": 7}, "data": {"m": 2}}),
    ("another step succeeds after it", FAILED, StepCompleted(30, "mend", 1, 7, {}, "catches"), State.READY,
     {"current": None, "past": {**DONE, "ended_at_ms": 30, "output": 7}, "next_step": "catches", "outputs": {"mend": 7}}),
    ("then the step that had failed", (*FAILED, StepCompleted(30, "mend", 1, 7, {}, "catches"), StepStarted(30, "catches", 2, 1, "t")),
     StepCompleted(40, "catches", 2, 8, {}, "end"), State.READY,
     {"current": None, "past": {**DONE, "ended_at_ms": 40, "output": 8}, "next_step": "end", "outputs": {"mend": 7, "catches": 8}, "last_error": None, "failed_in": None}),
    ("nobody answers in time", paused("reminds", PERSON, 500), StepTimedOut(500, "reminds", 1, "mend"), State.READY,
     {**LEFT, "answer_by_ms": None, "past": {"status": VisitStatus.TIMED_OUT, "ended_at_ms": 500}, "next_step": "mend"}),
    ("a run is asked to stop", inside("plain"), CANCELLED, State.EXECUTING, {"cancel_requested": True, "reason": "no need"}),
    ("a step is cancelled", inside("tidies", STOPPING), StepCancelled(20, "tidies", 1, "tidy"), State.READY,
     {"current": None, "past": {"status": VisitStatus.CANCELLED, "ended_at_ms": 20}, "next_step": "tidy", "cleaning_up": True, "cleans_up_from": 1}),
    ("while it backed off", (*RETRYING, STOPPING), StepCancelled(20, "retries", 1), State.READY,
     {"current": None, "past": {"status": VisitStatus.CANCELLED, "ended_at_ms": 20, "retry_at_ms": None}, "wake_at_ms": None, "cleaning_up": True, "cleans_up_from": 1}),
    ("a run waits for a place", (started("plain"),), RunQueued(20, PLACE), State.QUEUED, {"place": PLACE}),
    ("and has it", WAITING, RunAdmitted(21, 900), State.READY, {"deadline_ms": 900}),
    ("or is cancelled before", (*WAITING, CANCELLED), RunCancelled(21), State.CANCELLED, {"ended_at_ms": 21, "next_step": None}),
    ("a run takes too long", (started("plain", deadline_ms=15),), RunOverdue(20), State.READY, {"overdue": True, "deadline_ms": None}),
    ("or is cancelled before its first step", (started("plain", deadline_ms=15), RunOverdue(20), CANCELLED), RunCancelled(21), State.CANCELLED, {"ended_at_ms": 21, "next_step": None, "overdue": False}),
    ("which a cancel does not", (started("plain", deadline_ms=900),), CANCELLED, State.READY, {"cancel_requested": True, "reason": "no need", "deadline_ms": None}),
    ("its step is stopped", OVERDUE, StepCancelled(21, "plain", 1), State.READY, {"current": None, "past": {"status": VisitStatus.CANCELLED, "ended_at_ms": 21}}),
    ("or by a cancel that came too", (*OVERDUE, CANCELLED), StepCancelled(21, "plain", 1), State.READY,
     {"current": None, "past": {"status": VisitStatus.CANCELLED, "ended_at_ms": 21}, "overdue": False, "cleaning_up": True, "cleans_up_from": 1}),
    ("a run catches that", (*OVERDUE, StepCancelled(21, "plain", 1)), HandlerEntered(22, "onError", "mend", Ending("failed", error=LATE)), State.READY,
     {"overdue": False, "handler": "onError", "next_step": "mend", "cleans_up_from": 1, "last_error": StepError("Timeout", "late", status=504, body="no"), "failed_in": "plain"}),
    ("or a failure, whose error is there already", inside("catches", StepFailed(20, "catches", 1, BROKEN)), HandlerEntered(22, "onError", "mend", Ending("failed", error=RunError("other", BROKEN.type, BROKEN.message))), State.READY,
     {"handler": "onError", "next_step": "mend", "cleans_up_from": 1}),
    ("or its end", inside("end", StepCompleted(10, "end", 1, 7, {}, None), first={"deadline_ms": 900}), HandlerEntered(22, "finally", "mend", Ending("completed", 7)), State.READY,
     {"handler": "finally", "next_step": "mend", "cleans_up_from": 1, "ending": Ending("completed", 7), "deadline_ms": None}),
    ("an attempt need not be waited for", RETRYING, WaitEnded(20, "retries", 1, "it is up", "ann"), State.BACKING_OFF, {"wake_at_ms": 20}),
    ("a sleep is over", SLEEPING, WaitEnded(20, "plain", 1), State.SLEEPING, {"wake_at_ms": 20}),
    ("a step is given up", RETRYING, StepGivenUp(20, "retries", 1, "no use", "ann"), State.EXECUTING, {"current": {"retry_at_ms": None}, "wake_at_ms": None}),
    ("a step is skipped", RETRYING, StepSkipped(20, "retries", 1), State.EXECUTING, {"current": {"retry_at_ms": None}, "wake_at_ms": None}),
    ("a pause too", paused("asks", CRASH, 500), StepSkipped(20, "asks", 1), State.EXECUTING, {"current": {"status": VisitStatus.RUNNING}, "pause": None, "wake_at_ms": None, "answer_by_ms": None}),
    ("data is changed", (started("plain"),), DataChanged(20, {"a": 3}, ["size"], "wrong", "ann"), State.READY, {"data": {"a": 3}}),
    ("a run is held", SLEEPING, RunHeld(20, "look", "ann"), State.SLEEPING, {"held": Hold(20, "look", "ann")}),
    ("and released", (*SLEEPING, RunHeld(20, "look", "ann")), RunReleased(21), State.SLEEPING, {"held": None}),
    ("also by a cancel", (*SLEEPING, RunHeld(19)), CANCELLED, State.SLEEPING, {"cancel_requested": True, "reason": "no need", "held": None}),
    ("a run continues without the run that started it", BELOW, ParentWentOn(20), State.EXECUTING, {"is_detached": True}),
    ("a pause is asked again", paused("asks", PERSON, 500), RunPaused(20, "asks", 1, PERSON, 500), State.PAUSED, {"pause_seq": 4}),
    ("a run completes", inside("end", StepCompleted(10, "end", 1, 7, {}, None)), RunCompleted(20, 7), State.COMPLETED, {"ended_at_ms": 20, "result": 7}),
    ("a run fails", LOOPED, RunFailed(20, RunError("loops", "X", "no", 1)), State.FAILED,
     {"ended_at_ms": 20, "error": RunError("loops", "X", "no", 1), "next_step": None}),
    ("a run is cancelled", inside("plain", STOPPING, StepCancelled(11, "plain", 1)), RunCancelled(20), State.CANCELLED, {"ended_at_ms": 20}),
    ("a run is terminated between two steps", LOOPED, RunTerminated(20, "stuck", "ann"), State.TERMINATED, {"ended_at_ms": 20, "reason": "stuck", "next_step": None}),
    ("a run is terminated inside one", paused("asks", PERSON, 500), RunTerminated(20, "stuck", "ann"), State.TERMINATED,
     {**LEFT, "answer_by_ms": None, "past": {"status": VisitStatus.TERMINATED, "ended_at_ms": 20}, "ended_at_ms": 20, "reason": "stuck"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("so_far", "event", "state", "changed"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)  # fmt: skip
def test_what_an_event_changes(
    so_far: tuple[Event, ...], event: Event, state: State, changed: dict[str, Any]
) -> None:
    run, before = fold(so_far), fold(so_far)
    shown = run.copy()
    after = apply(run, event)
    assert after is run
    assert changes(before, after) == changed
    assert (after.state, after.seq, after.updated_at_ms) == (state, before.seq + 1, event.at_ms)
    assert shown == before, "a copy is never changed"


def test_a_step_that_is_entered_has_no_attempts_yet() -> None:
    visit = fold(inside("plain")).current
    assert visit
    assert (visit.children, visit.interruptions, visit.records) == (0, 0, {})


def test_every_event_but_the_first_is_in_the_table() -> None:
    assert {type(row[2]) for row in CHANGES} == set(EVENT_TYPES) - {RunStarted}


def test_a_run_starts_with_all_values_of_its_first_event() -> None:
    parent = Parent("dynamic-workflow-0", "call", 2, 1, 3, 1)
    origin = Origin("dynamic-workflow-7", "b", 9)
    past = CarriedVisit("dynamic-workflow-7", "a", 1, "t", None, "completed", 1, 0, 5, 1)
    event = RunStarted(
        5, RUN, "order", "1.0.2", "b", {"n": 1}, {"team": "ops"}, "ann", parent, origin,
        {"a": 1}, BROKEN, (past,), {"a": 1}, "a", deadline_ms=90, handler="finally", ending=Ending("failed", error=LATE), starter=Starter("r", "s", 2),
    )  # fmt: skip
    assert apply(None, event) == Run(
        id=RUN, workflow_id="order", version="1.0.2", state=State.READY, seq=1, data={"n": 1},
        context={"team": "ops"}, caller="ann", started_at_ms=5, updated_at_ms=5, next_step="b",
        outputs={"a": 1}, visits={"a": 1}, last_error=BROKEN, failed_in="a", parent=parent, origin=origin,
        carried=(past,), deadline_ms=90, handler="finally", ending=Ending("failed", error=LATE), starter=Starter("r", "s", 2),
    )  # fmt: skip


REFUSALS = [
    ("a parent that continues where there is none", inside("plain"), ParentWentOn(20), "ParentWentOn is not legal in state executing: no run waits for it"),
    ("or that has gone on before", (*BELOW, ParentWentOn(19)), ParentWentOn(20), "ParentWentOn is not legal in state executing: no run waits for it"),
    ("a second place", (*WAITING, RunAdmitted(21)), RunQueued(22, PLACE), "RunQueued is not legal in state ready: the run has begun"),
    ("a place between two steps", LOOPED, RunQueued(22, PLACE), "RunQueued is not legal in state ready: the run has begun"),
    ("a timeout of a run without one", inside("plain"), RunOverdue(20), "RunOverdue is not legal in state executing: it has no deadline"),
    ("a handler again", inside("end", StepCompleted(10, "end", 1, 7, {}, None), HandlerEntered(10, "onError", "mend", Ending("failed"))), HandlerEntered(20, "onError", "mend", Ending("failed")), "HandlerEntered is not legal in state ready: the run has entered onError"),
    ("a hold of one that is held", (*SLEEPING, RunHeld(19)), RunHeld(20), "RunHeld is not legal in state sleeping: it is held already"),
    ("a release of one that is not", SLEEPING, RunReleased(20), "RunReleased is not legal in state sleeping: it is not held"),
    ("another after finally", ENDING, HandlerEntered(20, "onError", "mend", Ending("failed")), "HandlerEntered is not legal in state ready: the run has entered finally"),
    ("a cancel in finally", ENDING, CANCELLED, "CancelRequested is not legal in state ready: its end is decided"),
    ("another step than the next", (started("plain"),), StepStarted(20, "open", 1, 1, "t"), "StepStarted is not legal in state ready: expected step, visit, attempt ('plain', 1, 1)"),
    ("another visit", LOOPED, StepStarted(20, "loops", 3, 1, "t"), "StepStarted is not legal in state ready: expected step, visit, attempt ('loops', 2, 1)"),
    ("another first attempt", LOOPED, StepStarted(20, "loops", 2, 2, "t"), "StepStarted is not legal in state ready: expected step, visit, attempt ('loops', 2, 1)"),
    ("an attempt left out", RETRYING, StepStarted(800, "retries", 1, 3, "t"), "StepStarted is not legal in state backing_off: expected attempt 2"),
    ("the same attempt again", RETRYING, StepStarted(800, "retries", 1, 1, "t"), "StepStarted is not legal in state backing_off: expected attempt 2"),
    ("a second cancel", inside("plain", STOPPING), CANCELLED, "CancelRequested is not legal in state executing: a cancel is being carried out"),
    ("a step cancelled by nobody", inside("plain"), StepCancelled(20, "plain", 1), "StepCancelled is not legal in state executing: no cancel was requested"),
    ("a run cancelled by nobody", inside("end", StepCompleted(10, "end", 1, 7, {}, None)), RunCancelled(20), "RunCancelled is not legal in state ready: no cancel was requested"),
    ("an end before the end", LOOPED, RunCompleted(20, 7), "RunCompleted is not legal in state ready: the run continues with step loops"),
    ("a cancel before the clean-up", inside("tidies", STOPPING, StepCancelled(11, "tidies", 1, "tidy")), RunCancelled(20), "RunCancelled is not legal in state ready: the run continues with step tidy"),
    ("another step than the current one", inside("plain"), StepCompleted(20, "open", 1, 7, {}, None), "StepCompleted is not legal in state executing: the run is in step plain, visit 1"),
    ("another visit than the current one", inside("plain"), StepRecorded(20, "plain", 2, "a", 1), "StepRecorded is not legal in state executing: the run is in step plain, visit 1"),
    ("what the state does not allow", inside("plain"), RunCompleted(20, 7), "RunCompleted is not legal in state executing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("so_far", "event", "why"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_an_illegal_event_is_refused_with_the_reason(
    so_far: tuple[Event, ...], event: Event, why: str
) -> None:
    with pytest.raises(IllegalTransition) as refused:
        apply(run := fold(so_far), event)
    assert str(refused.value) == why
    assert run == fold(so_far), "what is refused changes nothing"


def test_a_history_begins_with_a_start() -> None:
    with pytest.raises(IllegalTransition) as empty:
        fold(())
    assert str(empty.value) == "nothing is not legal in state new: a history begins with RunStarted"
    assert (empty.value.state, empty.value.event) == (State.NEW, "nothing")
    assert empty.value.why == "a history begins with RunStarted"
    with pytest.raises(IllegalTransition, match=r"^StepStarted is not legal in state new$"):
        fold(inside("plain")[1:])
