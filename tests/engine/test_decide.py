"""What is due for a run, and the state that it shows: one row for each case."""

from dataclasses import replace

import pytest

from engine import (
    Abandon,
    Advance,
    AwaitAnswer,
    AwaitChildren,
    AwaitPlace,
    AwaitStopped,
    AwaitTime,
    Decision,
    Event,
    Execute,
    Occasion,
    OnInterrupted,
    Place,
    RunCompleted,
    RunPaused,
    RunQueued,
    RunTerminated,
    State,
    Status,
    StepCompleted,
    StepStarted,
    Stop,
    VisitStatus,
    decide,
    fold,
)
from tests.engine.histories import (
    AGAIN,
    CHILD,
    CLEANING,
    CRASH,
    LEFT_BROKEN,
    LEFT_BY_CANCEL,
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

FINISHED = inside("end", StepCompleted(10, "end", 1, 7, {}, None), RunCompleted(11, 7))
CHILD_ASKS = with_children("plain", RunPaused(11, "plain", 1, CHILD, 500), deadline_ms=500)

DUE = [
    ("between two steps", (started("plain"),), Advance()),
    ("after a step", LOOPED, Advance()),
    ("in a step", inside("plain"), Execute("plain", 1, 1)),
    ("in a second visit", (*LOOPED, StepStarted(10, "loops", 2, 1, "t")), Execute("loops", 2, 1)),
    ("in a second attempt", AGAIN, Execute("retries", 1, 2)),
    ("before a retry", RETRYING, AwaitTime(800)),
    ("in a sleep", SLEEPING, AwaitTime(800)),
    ("before an answer", paused("asks"), AwaitAnswer(None)),
    ("before an answer with a deadline", paused("asks", PERSON, 500), AwaitAnswer(500)),
    ("before somebody settles a crash", paused("asks", CRASH), AwaitAnswer(None)),
    ("while children are open", with_children("plain"), AwaitChildren("plain", 1, 1, None)),
    ("for so long", with_children("plain", deadline_ms=500), AwaitChildren("plain", 1, 1, 500)),
    ("while one of them asks", CHILD_ASKS, AwaitChildren("plain", 1, 1, 500)),
    ("while children stop", LEFT_BY_CANCEL, AwaitStopped(520)),
    ("while children stop after a failure", LEFT_BROKEN, AwaitStopped(520)),
    ("after a cancel met a step", inside("plain", STOPPING), Abandon()),
    ("in the clean-up", CLEANING, Execute("tidy", 1, 1)),
    ("in line for a place", (inside("plain")[0], RunQueued(5, Place("", 1))), AwaitPlace()),
    ("at the end", FINISHED, Stop()),
    ("after a terminate", inside("plain", RunTerminated(10)), Stop()),
]  # fmt: skip


@pytest.mark.parametrize(("so_far", "due"), [row[1:] for row in DUE], ids=[row[0] for row in DUE])
def test_what_is_due(so_far: tuple[Event, ...], due: Decision) -> None:
    assert decide(fold(so_far)) == due


def test_attempts_of_a_visit_share_a_key() -> None:
    keys = {Execute("loops", 2, attempt).idempotency_key(RUN) for attempt in (1, 2)}
    assert keys == {"dynamic-workflow-1:loops:2"}


def test_a_run_shows_its_state() -> None:
    inside_step, left = fold(inside("plain")), fold(FINISHED)
    assert (inside_step.current_step_id, left.current_step_id) == ("plain", None)
    assert inside_step.history == (inside_step.current,)
    assert [visit.step_id for visit in left.history] == ["end"]
    assert left.last_visit == left.past[-1]
    both = fold((*LOOPED, StepStarted(10, "loops", 2, 1, "t")))
    assert [visit.visit for visit in both.history] == [1, 2]
    more = fold(
        (*LOOPED, StepStarted(10, "loops", 2, 1, "t"), StepCompleted(11, "loops", 2, 8, {}, None))
    )
    assert more.last_visit.visit == 2


@pytest.mark.parametrize(("state", "status", "is_over"), [
    (State.NEW, "running", False), (State.READY, "running", False), (State.EXECUTING, "running", False),
    (State.BACKING_OFF, "running", False), (State.SLEEPING, "running", False), (State.AWAITING_CHILDREN, "running", False),
    (State.STOPPING_CHILDREN, "running", False),
    (State.PAUSED, "paused", False), (State.COMPLETED, "completed", True), (State.FAILED, "failed", True),
    (State.CANCELLED, "cancelled", True), (State.TERMINATED, "terminated", True),
])  # fmt: skip
def test_clients_see_a_state_as_a_status(state: State, status: str, is_over: bool) -> None:
    assert (state.status.value, state.status.is_over) == (status, is_over)
    assert replace(fold(inside("plain")), state=state).is_over is is_over


def test_the_names_stored_on_disk_are_unchanged() -> None:
    assert [state.value for state in State] == [
        "new", "queued", "ready", "executing", "backing_off", "sleeping", "awaiting", "stopping", "paused",
        "completed", "failed", "cancelled", "terminated",
    ]  # fmt: skip
    assert [status.value for status in Status] == [
        "running", "paused", "completed", "failed", "cancelled", "terminated",
    ]  # fmt: skip
    assert [status.value for status in VisitStatus] == [
        "running", "paused", "completed", "failed", "timed_out", "cancelled", "terminated",
    ]  # fmt: skip
    assert [occasion.value for occasion in Occasion] == ["success", "error", "timeout", "cancel"]
    assert [policy.value for policy in OnInterrupted] == ["retry", "fail", "ask"]
