"""Value types: waits between attempts, scopes of expressions, moments, and immutability."""

from dataclasses import field, fields, replace
from typing import Any, get_args

import pytest

import engine
from engine import (
    EVENT_TYPES,
    AnswerKey,
    AwaitsChildren,
    CancelRequested,
    CarriedVisit,
    ChildrenAwaited,
    Decision,
    Delivered,
    Edge,
    Graph,
    Input,
    Occasion,
    OnInterrupted,
    Origin,
    Parent,
    Pause,
    Pauses,
    Record,
    RetryPolicy,
    RunError,
    RunPaused,
    RunResumed,
    RunStarted,
    RunTerminated,
    Step,
    StepCancelled,
    StepCompleted,
    StepError,
    StepFailed,
    StepRecorded,
    StepStarted,
    StepTimedOut,
    VisitStatus,
    backoff_ms,
    events,
    fold,
    iso_time,
    iso_time_or_none,
    pause_events,
    repair_events,
    scope,
)
from engine.decide import Attempt
from engine.past import Past
from engine.route import next_step
from engine.value import value
from tests.engine.histories import (
    BROKEN,
    GRAPH,
    PERSON,
    RUN,
    inside,
    paused,
)

POLICY = RetryPolicy(5, 1_000, 2.0, 60_000, frozenset({"Fatal"}))


@pytest.mark.parametrize(("attempt", "jitter", "wait_ms"), [
    (1, 0.0, 500), (1, 0.5, 750), (1, 0.999, 1_000),
    (2, 0.0, 1_000), (3, 0.0, 2_000), (3, 0.5, 3_000),
    (7, 0.0, 30_000), (7, 0.999, 59_970), (8, 0.0, 30_000), (1_000, 0.0, 30_000),
])  # fmt: skip
def test_waits_double_up_to_the_maximum_and_jitter_takes_up_to_half(
    attempt: int, jitter: float, wait_ms: int
) -> None:
    assert POLICY.delay_ms(attempt, jitter) == wait_ms


@pytest.mark.parametrize(("asked_ms", "wait_ms"), [
    (None, 1_000), (0, 1_000), (999, 1_000), (5_000, 5_000), (86_400_000, 60_000),
])  # fmt: skip
def test_a_requested_wait_is_limited_to_the_maximum(asked_ms: int | None, wait_ms: int) -> None:
    assert POLICY.delay_ms(1, 1.0, asked_ms) == wait_ms


@pytest.mark.parametrize(("coefficient", "attempt", "least_ms"), [
    (1.0, 500, 50), (1.5, 2, 75), (1.5, 4, 169), (1.01, 65, 95), (1.01, 501, 7_239),
    (1e9, 1_000, 500_000_000), (2.0, 9_999, 500_000_000),
])  # fmt: skip
def test_waits_grow_as_the_policy_says(coefficient: float, attempt: int, least_ms: int) -> None:
    policy = RetryPolicy(10_000, 100, coefficient, 10**9)
    assert policy.delay_ms(attempt, 0.0) == least_ms


@pytest.mark.parametrize(("error", "attempt", "allowed"), [
    (StepError("Timeout", "late"), 1, True), (StepError("Timeout", "late"), 4, True),
    (StepError("Timeout", "late"), 5, False), (StepError("Timeout", "late"), 6, False),
    (StepError("Fatal", "no"), 1, False), (StepError("Timeout", "late", retryable=False), 1, False),
])  # fmt: skip
def test_a_policy_allows_so_many_attempts(error: StepError, attempt: int, allowed: bool) -> None:
    assert POLICY.allows(error, attempt) is allowed


def test_defaults_are_modest() -> None:
    assert RetryPolicy() == RetryPolicy(1, 1_000, 2.0, 60_000, frozenset())
    step = Step("a", "t")
    assert (step.name, step.ends, step.retry, step.edges) == (None, False, RetryPolicy(), ())
    assert step.on_interrupted is OnInterrupted.RETRY
    assert Edge("b") == Edge("b", Occasion.SUCCESS, None, None)
    assert Graph("a", {}).max_step_executions == 1_000
    assert StepError("X", "no") == StepError("X", "no", True, None)
    assert RunError(None, "X", "no") == RunError(None, "X", "no", 0)
    assert Pause("collect_inputs", {}) == Pause("collect_inputs", {}, False, None)
    assert RunStarted(0, RUN, "w", "1.0.0", "a", {}) == RunStarted(
        0, RUN, "w", "1.0.0", "a", {}, {}, "", None, None, {}, None, (), {}
    )


@pytest.mark.parametrize(("event", "whole"), [
    (StepStarted(0, "a", 1, 1, "t"), StepStarted(0, "a", 1, 1, "t", None)),
    (ChildrenAwaited(0, "a", 1, 2), ChildrenAwaited(0, "a", 1, 2, None)),
    (RunPaused(0, "a", 1, PERSON), RunPaused(0, "a", 1, PERSON, None)),
    (RunResumed(0, "a", 1, {}), RunResumed(0, "a", 1, {}, "")),
    (StepFailed(0, "a", 1, BROKEN), StepFailed(0, "a", 1, BROKEN, None)),
    (StepTimedOut(0, "a", 1), StepTimedOut(0, "a", 1, None)),
    (StepCancelled(0, "a", 1), StepCancelled(0, "a", 1, None)),
    (CancelRequested(0), CancelRequested(0, None, "")),
    (RunTerminated(0), RunTerminated(0, None, "")),
    (Pauses(PERSON), Pauses(PERSON, None)),
    (AwaitsChildren(2), AwaitsChildren(2, None, None)),
    (CarriedVisit(RUN, "a", 1, "t", None, "completed", 1, 0, 5), CarriedVisit(RUN, "a", 1, "t", None, "completed", 1, 0, 5, None, None, False)),
])  # fmt: skip
def test_omitted_values_are_none(event: object, whole: object) -> None:
    assert event == whole


def test_every_event_is_one_of_the_types() -> None:
    defined = [
        kind
        for module in (events, pause_events, repair_events)
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__
    ]
    assert (set(defined), len(defined)) == (set(EVENT_TYPES), len(EVENT_TYPES))
    assert [getattr(engine, kind.__name__, None) for kind in defined] == defined
    assert set(engine.__all__) >= {kind.__name__ for kind in EVENT_TYPES}


SLOTTED: list[Any] = [
    *EVENT_TYPES, *get_args(Input), *get_args(Decision), Attempt, Edge, Step, Graph, RetryPolicy,
    StepError, RunError, Record, Parent, Origin, CarriedVisit, Pause, AnswerKey,
]  # fmt: skip
"""What a long history has many of: values without a dictionary of their own."""


@pytest.mark.parametrize("kind", SLOTTED, ids=lambda kind: kind.__name__)
def test_values_have_slots_and_are_equal_by_their_fields(kind: Any) -> None:
    one, other = object.__new__(kind), object.__new__(kind)
    for part in fields(kind):
        object.__setattr__(one, part.name, part.name)
        object.__setattr__(other, part.name, part.name)
    assert not hasattr(one, "__dict__")
    assert one == other
    assert hash(one) == hash(other)


@value(frozen=True, slots=True)
class Spoken:
    word: str
    lines: int = field(default=0, compare=False)
    hidden: str = field(default="", repr=False)


@value(frozen=True, slots=True)
class Bare:
    pass


@value(frozen=True, slots=True)
class Sole:
    words: tuple[str, ...]

    def __repr__(self) -> str:
        return "sole"


def test_values_compare_by_their_compared_fields() -> None:
    spoken = Spoken("a", 1)
    assert spoken == Spoken("a", 2) == replace(spoken, lines=3)
    assert len({spoken, Spoken("a", 2), Spoken("b"), Spoken("a", hidden="x")}) == 3
    assert spoken not in (Spoken("b", 1), Spoken("a", 1, "x"), "a", ("a", ""))
    assert repr(spoken) == "Spoken(word='a', lines=1)"
    assert Bare() == Bare()
    assert len({Bare(), Bare(), Sole(()), Sole(("a",)), Sole(("a",))}) == 3
    assert repr((Bare(), Sole(()))) == "(Bare(), sole)"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Sole(["a"]))  # type: ignore[arg-type]


def test_the_type_checker_refuses_changes_of_a_value() -> None:
    # If a change were allowed, the type checker would report its ignore comment as unused.
    started, done = StepStarted(0, "a", 1, 1, "t"), Delivered(1, {})
    started.attempt = 2  # type: ignore[misc]
    done.output = 2  # type: ignore[misc]
    Attempt("a", 1, 1).visit = 2  # type: ignore[misc]
    Record(0, 1).value = 2  # type: ignore[misc]


@pytest.mark.parametrize(("at_ms", "text"), [
    (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.001Z"), (999, "1970-01-01T00:00:00.999Z"),
    (1_000, "1970-01-01T00:00:01Z"), (1_769_860_800_120, "2026-01-31T12:00:00.120Z"),
])  # fmt: skip
def test_moments_are_shown_in_utc(at_ms: int, text: str) -> None:
    assert (iso_time(at_ms), iso_time_or_none(at_ms)) == (text, text)


@pytest.mark.parametrize(("body", "run_id", "pause_id"), [
    ({}, None, "2-7"), ({"pauseId": "4-9"}, None, "2-7"),
    ({}, "order-4", "2-7"), ({"pauseId": "4-9"}, "order-4", "4-9"),
])  # fmt: skip
def test_a_pause_is_shown_with_an_id_of_its_own_or_of_the_child(
    body: dict[str, Any], run_id: str | None, pause_id: str
) -> None:
    pause = Pause("collect_inputs", {**body, "fields": ["city"]}, run_id=run_id)
    shown = {"type": "collect_inputs", "fields": ["city"], "pauseId": pause_id}
    assert pause.shown("dynamic-workflow-1-2", 7) == shown


def test_a_run_shows_its_pause_while_it_has_one() -> None:
    assert fold(paused("asks")).pause_shown == PERSON.shown(RUN, 3)
    assert fold(inside("asks")).pause_shown is None


def test_an_error_names_its_failed_visit() -> None:
    run = fold(inside("plain"))
    assert run.current is not None
    error, other = StepError("A", "a"), StepError("B", "b")
    failed = replace(run.current, status=VisitStatus.FAILED, error=error, step_name="Plain one")
    later = replace(failed, step_id="later", error=other, step_name=None)
    stopped = replace(failed, step_id="stopped", status=VisitStatus.CANCELLED)
    run = replace(run, current=None, past=Past((failed, later, stopped)), last_error=error)
    shown = {"type": "A", "message": "a", "stepId": "plain", "stepName": "Plain one", "attempts": 1}
    assert scope(run)["error"] == shown
    named = scope(replace(run, last_error=other))["error"]
    assert isinstance(named, dict)
    assert (named["stepId"], named["stepName"]) == ("later", "later")


def test_a_wait_doubles_by_default() -> None:
    waits = [backoff_ms(n, 0.5, initial_ms=100, maximum_ms=10_000) for n in (1, 2, 3)]
    assert waits == [
        backoff_ms(n, 0.5, initial_ms=100, maximum_ms=10_000, coefficient=2.0) for n in (1, 2, 3)
    ]
    assert waits[2] == 4 * waits[0]


def test_a_run_without_a_cancel_has_no_cleanup() -> None:
    run = fold(inside("plain"))
    assert (run.cleaning_up, run.cleans_up_from) == (False, 0)


def test_no_moment_is_shown_as_none() -> None:
    assert iso_time_or_none(None) is None


def test_expressions_may_use_data_outputs_context_and_the_run() -> None:
    run = fold(inside("plain", StepCompleted(10, "plain", 1, {"n": 1}, {"m": 2}, "end")))
    assert scope(run) == {
        "data": {"size": 5, "m": 2},
        "steps": {"plain": {"output": {"n": 1}}},
        "context": {"team": "ops"},
        "run": {
            "id": RUN, "workflowId": "order", "version": "1.0.0", "startedAt": "1970-01-01T00:00:00Z",
        },
        "vars": {}, "now": 10, "startedBy": "ann",
    }  # fmt: skip


def test_after_an_error_edge_expressions_may_use_the_error() -> None:
    run = fold(inside("catches", StepFailed(10, "catches", 1, BROKEN, "mend")))
    assert scope(run)["error"] == {
        "type": "HttpStatus",
        "message": "the answer was 500",
        "stepId": "catches",
        "stepName": "catches",
        "attempts": 1,
    }


@pytest.mark.parametrize(
    ("step_id", "occasion", "sure"),
    [
        ("plain", Occasion.SUCCESS, "end"),
        ("picks", Occasion.SUCCESS, None),
        ("end", Occasion.SUCCESS, None),
        ("catches", Occasion.ERROR, "mend"),
        ("sorts", Occasion.ERROR, None),
    ],
)
def test_a_step_has_a_certain_successor_without_a_preceding_condition(
    step_id: str, occasion: Occasion, sure: str | None
) -> None:
    assert GRAPH.steps[step_id].sure.get(occasion) == sure


def test_the_first_true_condition_is_taken() -> None:
    run = replace(fold(inside("strict")), data={"size": 50})
    assert next_step(run, GRAPH.steps["strict"], Occasion.SUCCESS) == "large"


def test_copies_of_a_history_are_independent() -> None:
    one, two, three = (replace(fold(inside("plain")).history[0], visit=at) for at in (1, 2, 3))
    past = Past([one])
    older = past.copy()
    past.append(two)
    assert (list(older), list(past)) == ([one], [one, two])
    older.append(three)
    past.append(three)
    assert (list(older), list(past)) == ([one, three], [one, two, three])
    assert (past[-1], past[0], past[:2], len(past)) == (three, one, [one, two], 3)
    assert list(reversed(past)) == [three, two, one]
    assert older == (one, three)
    assert older != past
    with pytest.raises(IndexError):
        older[2]
    with pytest.raises(TypeError):
        hash(past)
    assert repr(Past()) == "Past([])"


def test_a_copy_of_a_run_does_not_change() -> None:
    run = fold(paused("asks"))
    shown, whole = run.copy(), fold(paused("asks"))
    fold(
        (
            RunResumed(20, "asks", 1, {}, "bob", "k-1", "f-1"),
            StepRecorded(20, "asks", 1, "r", 1),
            StepCompleted(20, "asks", 1, 7, {"x": 1}, "end"),
            StepStarted(20, "end", 1, 1, "end-flow"),
        ),
        run,
    )
    assert shown == whole != run
