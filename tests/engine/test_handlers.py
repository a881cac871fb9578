"""The effects of `timeout`, `onError` and `finally`, and retries chosen by `on`.

The rows are read as those of `test_react.py`: each graph has the handlers that it names.
"""

from dataclasses import replace

import pytest

from engine import (
    Admit,
    AttemptFailed,
    Begin,
    Broke,
    ChildrenLeft,
    Delivered,
    EndDecided,
    Ending,
    Event,
    HandlerEntered,
    Place,
    RetryPolicy,
    RunAdmitted,
    RunCancelled,
    RunCompleted,
    RunError,
    RunFailed,
    RunOverdue,
    RunQueued,
    StepCancelled,
    StepCompleted,
    StepError,
    StepFailed,
    StepStarted,
    Stopped,
    Terminate,
    TimerDue,
    TurnAway,
    fold,
    react,
    scope,
)
from engine.events import RunTerminated
from tests.engine.histories import (
    BROKEN,
    CANCEL,
    CANCELLED,
    CAUGHT,
    FATAL,
    HANDLED,
    STOPPING,
    TIDIED,
    Row,
    enters,
    inside,
    paused,
    started,
    with_children,
)

DEADLINE = {"deadline_ms": 500}
LATE = RunError("plain", "Timeout", "the run took longer than its timeout of 0.5 s", 1)
BROKE = RunError("plain", FATAL.type, FATAL.message, 1, retryable=False)
FAILED = Ending("failed", error=BROKE)
IN_ON_ERROR = inside(
    "plain", StepFailed(10, "plain", 1, FATAL), HandlerEntered(10, "onError", "mend", FAILED),
    enters(10, "mend"),
)  # fmt: skip


def in_finally(ending: Ending) -> tuple[Event, ...]:
    return inside(
        "open", StepCompleted(10, "open", 1, 7, {}, None), HandlerEntered(10, "finally", "tidy", ending),
        enters(10, "tidy"),
    )  # fmt: skip


WAITING = (started("open"), RunQueued(5, Place("ann", 2)))
OPEN = {**TIDIED.steps, "tidy": replace(TIDIED.steps["tidy"], edges=(), ends=True),
        "open": replace(TIDIED.steps["open"], ends=True)}  # fmt: skip
LAST = replace(TIDIED, steps=OPEN)
DONE = Ending("completed", 7)

ROWS = [
    Row("a failure that no edge catches enters onError", inside("plain"), Broke(FATAL), 10,
        (StepFailed(10, "plain", 1, FATAL), HandlerEntered(10, "onError", "mend", FAILED), enters(10, "mend")), CAUGHT),
    Row("and not one that an edge catches", inside("catches"), Broke(FATAL), 10,
        (StepFailed(10, "catches", 1, FATAL, "mend"), enters(10, "mend")), CAUGHT),
    Row("nor the failure of onError itself", IN_ON_ERROR, Broke(FATAL), 20,
        (StepFailed(20, "mend", 1, FATAL), RunFailed(20, RunError("mend", FATAL.type, FATAL.message, 1, retryable=False))), CAUGHT),
    Row("nor anything once a cancel was asked for", inside("garbled", STOPPING), Stopped(), 20,
        (StepCancelled(20, "garbled", 1), RunCancelled(20)), CAUGHT),
    Row("too many steps are a failure too", inside("loops"), Delivered(7, {}), 10,
        (StepCompleted(10, "loops", 1, 7, {}, "loops"), HandlerEntered(10, "onError", "mend", Ending("failed", error=RunError(
            "loops", "TooManySteps", "the run has executed 1 steps, which is the limit; end the loop earlier or raise maxStepExecutions", 1))),
         enters(10, "mend")), replace(CAUGHT, max_step_executions=1)),
    Row("and a way out that is not there", inside("strict"), Delivered(7, {"size": 500}), 10,
        (StepCompleted(10, "strict", 1, 7, {"size": 500}, None), HandlerEntered(10, "onError", "mend", Ending("failed", error=RunError(
            "strict", "NoEdge", "no edge out of step strict is true: to small if data.size < 10; to large if data.size < 100. Add an edge without a condition.", 1))),
         enters(10, "mend")), CAUGHT),
    Row("after onError comes finally, with the failure of onError", IN_ON_ERROR, Broke(FATAL), 20,
        (StepFailed(20, "mend", 1, FATAL), HandlerEntered(20, "finally", "tidy", Ending("failed", error=RunError("mend", FATAL.type, FATAL.message, 1, retryable=False))),
         enters(20, "tidy")), HANDLED),
    Row("a run that completes enters finally first", inside("open"), Delivered(7, {}), 10,
        (StepCompleted(10, "open", 1, 7, {}, None), HandlerEntered(10, "finally", "tidy", DONE), enters(10, "tidy")), LAST),
    Row("and then completes as it would have", in_finally(DONE), Delivered(8, {}), 20,
        (StepCompleted(20, "tidy", 1, 8, {}, None), RunCompleted(20, 7)), LAST),
    Row("or fails where finally does", in_finally(DONE), Broke(FATAL), 20,
        (StepFailed(20, "tidy", 1, FATAL), RunFailed(20, RunError("tidy", FATAL.type, FATAL.message, 1))), LAST),
    Row("a run that has failed keeps its failure", in_finally(FAILED), Broke(BROKEN), 20,
        (StepFailed(20, "tidy", 1, BROKEN), RunFailed(20, BROKE)), LAST),
    Row("also where finally succeeds", in_finally(FAILED), Delivered(8, {}), 20,
        (StepCompleted(20, "tidy", 1, 8, {}, None), RunFailed(20, BROKE)), LAST),
    Row("a cancelled run enters finally", inside("plain", STOPPING), Stopped(), 20,
        (StepCancelled(20, "plain", 1), HandlerEntered(20, "finally", "tidy", Ending("cancelled")), enters(20, "tidy")), HANDLED),
    Row("and is cancelled then", in_finally(Ending("cancelled")), Broke(FATAL), 20,
        (StepFailed(20, "tidy", 1, FATAL), RunCancelled(20)), LAST),
    Row("a cancel in onError enters finally", IN_ON_ERROR, CANCEL, 20, (CANCELLED,), HANDLED),
    Row("a terminate enters none", inside("plain"), Terminate("why", "me"), 20, (RunTerminated(20, "why", "me"),), HANDLED),
    # A run waits for a place.
    Row("and has it, and as long as its timeout says from then on", WAITING, Admit(), 20, (RunAdmitted(20, 520), enters(20, "open")), HANDLED),
    Row("or has no timeout", WAITING, Admit(), 20, (RunAdmitted(20), enters(20, "open")), CAUGHT),
    Row("or is in a handler, as a rerun", (replace(WAITING[0], handler="onError"), WAITING[1]), Admit(), 20, (RunAdmitted(20), enters(20, "open")), HANDLED),
    Row("or gets none, and nothing handles that", WAITING, TurnAway(), 20, (RunFailed(20, RunError(
        None, "LimitReached", "2 runs of workflow order for 'ann' are under way, which is the limit")),), HANDLED),
    Row("of all runs", (WAITING[0], RunQueued(5, Place("", 1))), TurnAway(), 20, (RunFailed(20, RunError(
        None, "LimitReached", "1 run of workflow order is under way, which is the limit")),), HANDLED),
    Row("it does not begin by itself", WAITING, Begin(), 20, (), HANDLED),
    Row("a cancel is its end", WAITING, CANCEL, 20, (CANCELLED, RunCancelled(20)), HANDLED),
    Row("a place comes too late", inside("plain"), Admit(), 20, (), HANDLED),
    Row("and so does none", inside("plain"), TurnAway(), 20, (), HANDLED),
    # A run exceeds its timeout.
    Row("a step at work is stopped", inside("plain", first=DEADLINE), TimerDue(), 500, (RunOverdue(500),), HANDLED),
    Row("and not before its time", inside("plain", first=DEADLINE), TimerDue(), 499, (), HANDLED),
    Row("then onError is entered", inside("plain", RunOverdue(500), first=DEADLINE), Stopped(), 510,
        (StepCancelled(510, "plain", 1), HandlerEntered(510, "onError", "mend", Ending("failed", error=LATE)), enters(510, "mend")), HANDLED),
    Row("also where the step has completed instead", inside("plain", RunOverdue(500), first=DEADLINE), Delivered(7, {}), 510,
        (StepCompleted(510, "plain", 1, 7, {}, None), HandlerEntered(510, "onError", "mend", Ending("failed", error=LATE)), enters(510, "mend")), HANDLED),
    Row("a step that waits is left at once", paused("plain")[:1] and inside("plain", *paused("plain")[2:], first=DEADLINE), TimerDue(), 500,
        (RunOverdue(500), StepCancelled(500, "plain", 1), HandlerEntered(500, "finally", "tidy", Ending("failed", error=LATE)), enters(500, "tidy")),
        replace(TIDIED, timeout_ms=500)),
    Row("child runs are stopped first", (*inside("plain", first=DEADLINE), *with_children("plain")[2:]), TimerDue(60), 500,
        (RunOverdue(500), ChildrenLeft(500, "plain", 1, 560)), HANDLED),
    Row("no edge for a cancel is taken", inside("tidies", RunOverdue(500), first=DEADLINE), Stopped(), 510,
        (StepCancelled(510, "tidies", 1), RunFailed(510, replace(LATE, step_id="tidies"))), replace(CAUGHT, on_error=None, timeout_ms=500)),
    Row("but for a cancel that came too", inside("tidies", RunOverdue(500), replace(CANCELLED, at_ms=505), first=DEADLINE), Stopped(), 510,
        (StepCancelled(510, "tidies", 1, "tidy"), enters(510, "tidy")), HANDLED),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.says for row in ROWS])
def test_the_effects_of_handlers(row: Row) -> None:
    row.check()


def test_a_handler_may_enter_as_many_steps_as_the_limit_of_the_run() -> None:
    loop = replace(
        TIDIED.steps["loops"],
        id="tidy",
        edges=(replace(TIDIED.steps["loops"].edges[0], target="tidy"),),
    )
    steps = {"plain": TIDIED.steps["plain"], "tidy": loop}
    graph = replace(TIDIED, steps=steps, max_step_executions=3)
    run = fold(inside("plain"))
    react(run, graph, Broke(FATAL), 10)
    entered = 0
    while not run.is_over:
        entered += isinstance(react(run, graph, Delivered(7, {}), 20)[-1], StepStarted)
    assert (entered, run.executions, run.error) == (2, 4, BROKE)


def test_a_cancel_during_finally_is_refused() -> None:
    run = fold(in_finally(DONE))
    with pytest.raises(EndDecided) as refused:
        react(run, LAST, CANCEL, 20)
    assert str(refused.value) == (
        "run dynamic-workflow-1 is in its `finally` and ends after it; or terminate it"
    )
    assert run == fold(in_finally(DONE))


def test_finally_sees_how_the_run_ends() -> None:
    reported = {"type": "HttpStatus", "message": FATAL.message, "stepId": "plain"}
    assert scope(fold(in_finally(FAILED)))["outcome"] == {
        "status": "failed",
        "result": None,
        "error": reported,
    }
    answered = Ending("failed", error=replace(BROKE, status=409, body="no"))
    outcome = scope(fold(in_finally(answered)))["outcome"]
    assert outcome == {
        "status": "failed",
        "result": None,
        "error": {**reported, "status": 409, "body": "no"},
    }
    assert scope(fold(in_finally(DONE)))["outcome"] == {
        "status": "completed",
        "result": 7,
        "error": None,
    }
    assert "outcome" not in scope(fold(IN_ON_ERROR))
    late = inside("plain", RunOverdue(500), StepCancelled(510, "plain", 1), HandlerEntered(510, "onError", "mend", Ending("failed", error=LATE)),
                  enters(510, "mend"), first=DEADLINE)  # fmt: skip
    assert scope(fold(late))["error"] == {
        "type": "Timeout", "message": LATE.message, "stepId": "plain", "stepName": "Call it", "attempts": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("named", "error", "again"), [
    ("Timeout", StepError("Timeout", "", retryable=False), True),
    ("Timeout", StepError("Timeouts", ""), False),
    ("429", StepError("HttpStatus", "", status=429), True),
    ("429", StepError("HttpStatus", "", status=428), False),
    ("5xx", StepError("HttpStatus", "", status=503), True),
    ("5xx", StepError("HttpStatus", "", status=403), False),
    ("5xx", StepError("Timeout", ""), False),
    ("HttpStatus:4xx", StepError("HttpStatus", "", status=404), True),
    ("HttpStatus:404", StepError("HttpStatus", "", status=404), True),
    ("HttpStatus:4xx", StepError("ModelFailed", "", status=404), False),
    ("HttpStatus", StepError("HttpStatus", "", status=404), True),
])  # fmt: skip
def test_retries_are_chosen_by_type_and_status(named: str, error: StepError, again: bool) -> None:
    policy = RetryPolicy(2, on=("Never", named))
    assert policy.allows(error, 1) is again
    assert not policy.allows(error, 2)
    assert not replace(policy, non_retryable=frozenset({error.type})).allows(error, 1)


def test_each_policy_counts_the_failures_it_applies_to() -> None:
    busy, other = RetryPolicy(3, 100, on=("Busy",)), RetryPolicy(2, 1_000, on=("Other",))
    never = RetryPolicy(on=("Never",))
    plain = replace(CAUGHT.steps["plain"], retry=replace(never, others=(busy, other)))
    graph = replace(CAUGHT, steps={**CAUGHT.steps, "plain": plain}, on_error=None)
    assert not plain.retry.never_retries
    assert replace(never, others=(never,)).never_retries
    for named, follow in (
        ("Busy Other Busy Busy", [(1, 100), (2, 1_000), (1, 200), None]),
        ("Other Busy Other", [(2, 1_000), (1, 100), None]),
        ("Never", [None]),
        ("Another", [None]),
    ):
        run = fold(inside("plain"))
        assert run is not None
        for kind, wanted in zip(named.split(), follow, strict=True):
            last = react(run, graph, Broke(StepError(kind, "")), 10)[-1]
            if wanted is None:
                assert isinstance(last, RunFailed)
                continue
            assert isinstance(last, AttemptFailed)
            assert last.policy == wanted[0]
            assert wanted[1] / 2 <= last.retry_at_ms - 10 <= wanted[1]
            react(run, graph, TimerDue(), last.retry_at_ms)
