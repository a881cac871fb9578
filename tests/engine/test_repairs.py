"""How a run reacts to a manual repair, and which repairs are refused.

The rows are read as those of `test_react.py`.
"""

from typing import Any

import pytest

from engine import (
    SIGNAL_PAUSE,
    Answered,
    AwaitRelease,
    Begin,
    Cancel,
    CancelRequested,
    ChangeData,
    DataChanged,
    Delivered,
    Event,
    Execute,
    GiveUp,
    HoldRun,
    Input,
    InterruptionSettled,
    NotWaiting,
    Pause,
    Rejected,
    ReleaseRun,
    RunCompleted,
    RunHeld,
    RunIsOver,
    RunOverdue,
    RunPaused,
    RunReleased,
    RunResumed,
    SkipStep,
    StepCancelled,
    StepCompleted,
    StepError,
    StepFailed,
    StepGivenUp,
    StepSkipped,
    StepSlept,
    StepStarted,
    TimerDue,
    TryNow,
    WaitEnded,
    decide,
    fold,
    react,
)
from tests.engine.histories import (
    BROKEN,
    CANCELLED,
    CHILD,
    CRASH,
    GRAPH,
    PERSON,
    RETRYING,
    SLEEPING,
    Row,
    ends,
    fails,
    inside,
    paused,
    with_children,
)

WHO: Any = ("it is up again", "ann")
HELD, RELEASED = RunHeld(15, *WHO), RunReleased(20, *WHO)
SIGNAL = Pause(SIGNAL_PAUSE, {"name": "paid", "key": "7"})
GIVEN = SkipStep({"n": 7}, {"n": 7}, *WHO)
AFTER_STEP = (*inside("plain", HELD), StepCompleted(17, "plain", 1, None, {}, "end"))
LATE = StepError("GivenUp", "a person ended the step before its time", retryable=False)


def skipped(step_id: str) -> tuple[Event, ...]:
    done = StepCompleted(20, step_id, 1, {"n": 7}, {"n": 7}, "end")
    return (StepSkipped(20, step_id, 1, *WHO), done, ends(20))


ROWS = [
    Row("an attempt is made before its time", RETRYING, TryNow(*WHO), 20,
        (WaitEnded(20, "retries", 1, *WHO), StepStarted(20, "retries", 1, 2, "t", "Try it"))),
    Row("a sleep is over before its time", SLEEPING, TryNow(*WHO), 20,
        (WaitEnded(20, "plain", 1, *WHO), StepCompleted(20, "plain", 1, None, {}, "end"), ends(20))),
    Row("a step that is given up fails as its last attempt did", RETRYING, GiveUp(*WHO), 20,
        (StepGivenUp(20, "retries", 1, *WHO), StepFailed(20, "retries", 1, BROKEN, None), fails(20, "retries", BROKEN))),
    Row("one that sleeps says that a person did it", SLEEPING, GiveUp(*WHO), 20,
        (StepGivenUp(20, "plain", 1, *WHO), StepFailed(20, "plain", 1, LATE, None), fails(20, "plain", LATE))),
    Row("a step that is skipped has delivered what was given", RETRYING, GIVEN, 20, skipped("retries")),
    Row("so has one that sleeps", SLEEPING, GIVEN, 20, skipped("plain")),
    Row("one that waits for a signal", paused("plain", SIGNAL), GIVEN, 20, skipped("plain")),
    Row("and one of which nobody knows whether it did its work", paused("plain", CRASH), GIVEN, 20, skipped("plain")),
    Row("the data of a run that waits is changed", SLEEPING, ChangeData({"a": 1}, ("size",), *WHO), 20,
        (DataChanged(20, {"a": 1}, ["size"], *WHO),)),
    Row("a question is then asked again", paused("asks", PERSON, 500), ChangeData({"a": 1}, (), *WHO), 20,
        (DataChanged(20, {"a": 1}, [], *WHO), RunPaused(20, "asks", 1, PERSON, 500))),
    Row("a run is held while a step is at work", inside("plain"), HoldRun(*WHO), 15, (HELD,)),
    Row("the step ends, and nothing begins", inside("plain", HELD), Delivered(None, {}), 17, AFTER_STEP[-1:]),
    Row("not when somebody says so again", AFTER_STEP, Begin(), 18, ()),
    Row("an answer is taken while it is held", (*paused("plain"), RunHeld(15), RunPaused(15, "plain", 1, PERSON)), Answered({}, 1, {}, "bob"), 20,
        (RunResumed(20, "plain", 1, {}, "bob"), StepCompleted(20, "plain", 1, 1, {}, "end"))),
    Row("it continues when it is released", AFTER_STEP, ReleaseRun(*WHO), 20, (RELEASED, ends(20))),
    Row("a cancel lets it go, and meets the next step", AFTER_STEP, Cancel("no need", "ann"), 20, (CANCELLED, ends(20))),
    Row("no attempt begins either", (*RETRYING, HELD), TimerDue(), 900, ()),
    Row("and no sleep ends", (*SLEEPING, HELD), TimerDue(), 900, ()),
    Row("which continues afterwards", (*SLEEPING, HELD), ReleaseRun(*WHO), 20, (RELEASED,)),
    Row("a step may be skipped meanwhile", (*RETRYING, HELD), GIVEN, 20, skipped("retries")[:2]),
    Row("the timeout of the run counts on", inside("plain", HELD, StepSlept(16, "plain", 1, 800), first={"deadline_ms": 500}), TimerDue(), 500,
        (RunOverdue(500), StepCancelled(500, "plain", 1, None), fails(500, "plain", StepError("Timeout", "the run took longer than its timeout of 0 s")))),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_the_resulting_events(row: Row) -> None:
    row.check()


def test_what_is_due_for_a_run_that_is_held() -> None:
    for held in (AFTER_STEP, (*RETRYING, HELD), (*SLEEPING, HELD)):
        run = fold(held)
        assert decide(run) == AwaitRelease()
        assert (run.due_at_ms, run.listed_state) == (None, "held")
    at_work = fold(inside("plain", HELD))
    assert decide(at_work) == Execute("plain", 1, 1)
    assert at_work.listed_state == "executing"
    asks = fold((*paused("asks", PERSON, 500), HELD, RunPaused(15, "asks", 1, PERSON, 500)))
    assert (asks.due_at_ms, asks.listed_state) == (500, "paused")


def test_a_retry_waits_for_the_release() -> None:
    cut_off = Pause("request_user_action", {"stepId": "asks"}, interruption=True)
    run = fold((*paused("asks", cut_off), HELD, RunPaused(15, "asks", 1, cut_off)))
    settled = react(run, GRAPH, InterruptionSettled({}, run_again=True, caller="ada"), 20)
    assert [type(event).__name__ for event in settled] == ["RunResumed", "AttemptFailed"]
    assert decide(run) == AwaitRelease()


OVER = (*inside("end"), StepCompleted(5, "end", 1, 1, {}, None), RunCompleted(5, 1))
DONE = inside("plain")
REFUSED: list[tuple[tuple[Event, ...], Input, type[Rejected], str]] = [
    (DONE, TryNow(*WHO), NotWaiting, "is in step plain, and waits neither for an attempt nor"),
    (AFTER_STEP, TryNow(*WHO), NotWaiting, "is between two steps"),
    (paused("asks"), GiveUp(*WHO), NotWaiting, "is paused"),
    ((*RETRYING, HELD), TryNow(*WHO), NotWaiting, "is held; release it first"),
    (DONE, GIVEN, NotWaiting, "is in step plain: a step is skipped while it waits"),
    (paused("asks", PERSON), GIVEN, NotWaiting, "waits for a person in step asks; answer it"),
    (with_children("plain", RunPaused(11, "plain", 1, CHILD)), GIVEN, NotWaiting, "waits for its child run"),
    (DONE, ChangeData({}, (), *WHO), NotWaiting, "its data is changed while it is paused"),
    (with_children("plain", RunPaused(11, "plain", 1, CHILD)), ChangeData({}, (), *WHO), NotWaiting, "which has data of its own"),
    (AFTER_STEP, HoldRun(*WHO), NotWaiting, "is held already"),
    (inside("plain", CancelRequested(9)), HoldRun(*WHO), NotWaiting, "is being cancelled"),
    (DONE, ReleaseRun(*WHO), NotWaiting, "is not held"),
    *((OVER, one, RunIsOver, "is completed; run it again instead") for one in (TryNow(*WHO), GIVEN, HoldRun(*WHO))),
]  # fmt: skip


@pytest.mark.parametrize(("so_far", "command", "kind", "why"), REFUSED)
def test_refused_repairs(
    so_far: tuple[Event, ...], command: Input, kind: type[Rejected], why: str
) -> None:
    run, before = fold(so_far), fold(so_far)
    with pytest.raises(kind, match=why):
        react(run, GRAPH, command, 20)
    assert run == before


def test_a_run_that_has_ended_is_no_longer_held() -> None:
    assert fold(inside("end", HELD)).held is not None
    for end in (OVER[-2:], (OVER[-2], fails(20, "end", LATE))):
        run = fold((*inside("end", HELD), *end))
        assert (run.is_over, run.held) == (True, None)
