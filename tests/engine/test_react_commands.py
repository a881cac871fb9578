"""What a cancel and a terminate make happen, and which commands are refused.

The rows are read as those of `test_react.py`.
"""

from dataclasses import replace

import pytest

from engine import (
    AlreadyCancelling,
    Answered,
    AnswerKept,
    AwaitsChildren,
    Begin,
    Broke,
    ChildrenAwaited,
    ChildrenLeft,
    ChildrenResumed,
    ChildrenStopped,
    Delivered,
    Event,
    Input,
    Interrupted,
    InterruptionSettled,
    NotPaused,
    Pauses,
    Recorded,
    Rejected,
    RunCancelled,
    RunError,
    RunFailed,
    RunIsOver,
    RunPaused,
    RunTerminated,
    Sleeps,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
    StepStarted,
    Stopped,
    Terminate,
    TimerDue,
    fold,
    react,
)
from tests.engine.histories import (
    BROKEN,
    CANCEL,
    CANCELLED,
    CHILD,
    CIRCLE,
    CLEANING,
    CRASH,
    GRAPH,
    LEFT_BROKEN,
    LEFT_BY_CANCEL,
    PERSON,
    RETRYING,
    RUN,
    SLEEPING,
    STOPPING,
    TIGHT,
    TOO_MANY,
    Row,
    ends,
    enters,
    inside,
    paused,
    started,
    with_children,
)

ROWS = [
    # Somebody cancels.
    Row("a step at work is asked to stop",
        inside("plain"), CANCEL, 20,
        (CANCELLED,)),
    Row("and has stopped",
        inside("plain", STOPPING), Stopped(), 20,
        (StepCancelled(20, "plain", 1, None), RunCancelled(20))),
    Row("an edge for cancels leads to cleaning up",
        inside("tidies", STOPPING), Stopped(), 20,
        (StepCancelled(20, "tidies", 1, "tidy"), enters(20, "tidy"))),
    Row("a run that waits is cancelled at once",
        paused("asks"), CANCEL, 20,
        (CANCELLED, StepCancelled(20, "asks", 1, None), RunCancelled(20))),
    Row("also one that sleeps",
        SLEEPING, CANCEL, 20,
        (CANCELLED, StepCancelled(20, "plain", 1, None), RunCancelled(20))),
    Row("or backs off",
        RETRYING, CANCEL, 20,
        (CANCELLED, StepCancelled(20, "retries", 1, None), RunCancelled(20))),
    Row("or waits for children",
        with_children("tidies"), CANCEL, 20,
        (CANCELLED, StepCancelled(20, "tidies", 1, "tidy"), enters(20, "tidy"))),
    Row("which are stopped first where some are open",
        with_children("tidies"), replace(CANCEL, grace_ms=500), 20,
        (CANCELLED, ChildrenLeft(20, "tidies", 1, 520))),
    Row("also while one of them asks a person",
        with_children("tidies", RunPaused(11, "tidies", 1, CHILD)), replace(CANCEL, grace_ms=500), 20,
        (CANCELLED, ChildrenResumed(20, "tidies", 1), ChildrenLeft(20, "tidies", 1, 520))),
    Row("also those that a step has just started",
        inside("tidies", STOPPING), Stopped(grace_ms=500), 20,
        (ChildrenLeft(20, "tidies", 1, 520),)),
    Row("when they have stopped the clean-up begins",
        LEFT_BY_CANCEL, ChildrenStopped(), 30,
        (StepCancelled(30, "tidies", 1, "tidy"), enters(30, "tidy"))),
    Row("when they have not stopped in time too",
        LEFT_BY_CANCEL, TimerDue(), 520,
        (StepCancelled(520, "tidies", 1, "tidy"), enters(520, "tidy"))),
    Row("a cancel while they stop after a failure",
        LEFT_BROKEN, replace(CANCEL, grace_ms=500), 20,
        (CANCELLED,)),
    Row("is what counts then",
        (*LEFT_BROKEN, CANCELLED), ChildrenStopped(), 30,
        (StepCancelled(30, "catches", 1, None), RunCancelled(30))),
    Row("the clean-up is not cut short by the limit of steps",
        inside("tidies", STOPPING), Stopped(), 20,
        (StepCancelled(20, "tidies", 1, "tidy"), enters(20, "tidy")), TIGHT),
    Row("it may enter each step once at least",
        (*CLEANING, StepCompleted(12, "tidy", 1, None, {}, "end")), Begin(), 20,
        (ends(20),), TIGHT),
    Row("but does not go round for ever",
        inside("tidies", STOPPING, StepCancelled(11, "tidies", 1, "loops"), enters(11, "loops"),
               StepCompleted(12, "loops", 1, None, {}, "loops"), StepStarted(12, "loops", 2, 1, "t")),
        Delivered(None, {}), 20,
        (StepCompleted(20, "loops", 2, None, {}, "loops"),
         RunFailed(20, RunError("loops", "TooManySteps", TOO_MANY.format(2, " to clean up"), 1))),
        CIRCLE),
    Row("one between two steps is asked to stop",
        (started("plain"),), CANCEL, 20,
        (CANCELLED,)),
    Row("a step that delivers all the same is done, but the run takes no edge",
        inside("plain", STOPPING), Delivered({"n": 1}, {}), 20,
        (StepCompleted(20, "plain", 1, {"n": 1}, {}, None), RunCancelled(20))),
    Row("but the one for cancels",
        inside("tidies", STOPPING), Delivered({"n": 1}, {}), 20,
        (StepCompleted(20, "tidies", 1, {"n": 1}, {}, "tidy"), enters(20, "tidy"))),
    Row("a step that fails is tried no more",
        inside("tidies", STOPPING), Broke(BROKEN), 20,
        (StepCancelled(20, "tidies", 1, "tidy"), enters(20, "tidy"))),
    Row("nobody is asked any more",
        inside("plain", STOPPING), Pauses(PERSON), 20,
        (StepCancelled(20, "plain", 1, None), RunCancelled(20))),
    Row("no sleep begins",
        inside("plain", STOPPING), Sleeps(500), 20,
        (StepCancelled(20, "plain", 1, None), RunCancelled(20))),
    Row("no child is waited for",
        inside("plain", STOPPING), AwaitsChildren(2, CHILD), 20,
        (StepCancelled(20, "plain", 1, None), RunCancelled(20))),
    Row("what a crash interrupts is not run again",
        inside("unsure", STOPPING), Interrupted(), 20,
        (StepCancelled(20, "unsure", 1, None), RunCancelled(20))),
    Row("what the step had done is kept",
        inside("plain", STOPPING), Recorded("plain", 1, "turn-1", 1), 20,
        (StepRecorded(20, "plain", 1, "turn-1", 1),)),
    Row("cleaning up is like other work",
        CLEANING, Pauses(PERSON), 20,
        (RunPaused(20, "tidy", 1, PERSON, None),)),
    Row("and ends as cancelled",
        (*CLEANING, StepCompleted(12, "tidy", 1, None, {}, "end"), ends(12)),
        Delivered({"ok": True}, {}), 20,
        (StepCompleted(20, "end", 1, {"ok": True}, {}, None), RunCancelled(20))),
    Row("also where it stops by itself",
        CLEANING, Stopped(), 20,
        (StepCancelled(20, "tidy", 1, None), RunCancelled(20))),
    Row("also once the child runs have stopped that it left",
        (*CLEANING, ChildrenAwaited(12, "tidy", 1, 2, None), ChildrenLeft(20, "tidy", 1, 520)),
        ChildrenStopped(), 30,
        (StepCancelled(30, "tidy", 1, None), RunCancelled(30))),
    Row("also where it fails",
        CLEANING, Broke(BROKEN), 20,
        (StepFailed(20, "tidy", 1, BROKEN, None), RunCancelled(20))),

    # Somebody terminates.
    Row("a run ends at once, whatever it is doing",
        inside("tidies"), Terminate("stuck", "ann"), 20,
        (RunTerminated(20, "stuck", "ann"),)),
    Row("also while it waits",
        paused("asks"), Terminate(None, "ann"), 20,
        (RunTerminated(20, None, "ann"),)),
    Row("or is being cancelled",
        CLEANING, Terminate("stuck", "ann"), 20,
        (RunTerminated(20, "stuck", "ann"),)),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_what_follows(row: Row) -> None:
    row.check()


OVER = inside("plain", RunTerminated(10, "stuck", "ann"))
ANSWERED = Answered({}, None, {}, "bob")
KEPT = AnswerKept({}, "approval", None, "bob")
SETTLED = InterruptionSettled({}, True, "bob")
NONE_ASKS = f"run {RUN} is running, so there is nothing to resume"
OTHERWISE = f"run {RUN} waits for another answer"

REFUSALS = [
    ("a step at work asks nobody", inside("plain"), ANSWERED, NotPaused, NONE_ASKS),
    ("nor does one that sleeps", SLEEPING, KEPT, NotPaused, NONE_ASKS),
    ("nor one that waits for children", with_children("plain"), ANSWERED, NotPaused, NONE_ASKS),
    ("nor a run that is over", OVER, ANSWERED, NotPaused, f"run {RUN} is terminated, so there is nothing to resume"),
    ("the child is answered, not its parent", with_children("plain", RunPaused(11, "plain", 1, CHILD)), ANSWERED, NotPaused, OTHERWISE),
    ("what the step asks is not what became of it", paused("asks"), SETTLED, NotPaused, OTHERWISE),
    ("nor the other way round", paused("asks", CRASH), ANSWERED, NotPaused, OTHERWISE),
    ("nor with a record", paused("asks", CRASH), KEPT, NotPaused, OTHERWISE),
    ("what is over cannot be cancelled", OVER, CANCEL, RunIsOver, f"run {RUN} is terminated"),
    ("nor terminated", OVER, Terminate("stuck", "ann"), RunIsOver, f"run {RUN} is terminated"),
    ("a cancel is asked for once", inside("plain", STOPPING), CANCEL, AlreadyCancelling, f"run {RUN} is being cancelled"),
    ("also while it cleans up", CLEANING, CANCEL, AlreadyCancelling, f"run {RUN} is being cancelled"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("so_far", "command", "kind", "message"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_what_is_refused(
    so_far: tuple[Event, ...], command: Input, kind: type[Rejected], message: str
) -> None:
    with pytest.raises(Rejected) as refused:
        react(fold(so_far), GRAPH, command, 20)
    assert (type(refused.value), str(refused.value)) == (kind, message)
