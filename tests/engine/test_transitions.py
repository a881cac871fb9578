"""Every cell of state x event is legal exactly where the table says."""

from dataclasses import replace
from itertools import product

import pytest

from engine import (
    EVENT_TYPES,
    TRANSITIONS,
    AttemptFailed,
    AttemptInterrupted,
    CancelRequested,
    ChildrenAwaited,
    ChildrenResumed,
    Event,
    IllegalTransition,
    Pause,
    Run,
    RunCancelled,
    RunCompleted,
    RunError,
    RunFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    RunTerminated,
    State,
    StepCancelled,
    StepCompleted,
    StepError,
    StepFailed,
    StepRecorded,
    StepSlept,
    StepStarted,
    StepTimedOut,
    apply,
)

WHERE = (5, "a", 1)
ERROR = StepError("X", "broke")
SAMPLES: dict[type[Event], Event] = {
    type(event): event
    for event in (
        RunStarted(1, "dynamic-workflow-1", "w", "1.0.0", "a", {}),
        StepStarted(5, "a", 1, 1, "t"),
        AttemptFailed(*WHERE, 1, ERROR, 9),
        AttemptInterrupted(*WHERE, 1),
        StepRecorded(*WHERE, "r", 1),
        ChildrenAwaited(*WHERE, 1),
        ChildrenResumed(*WHERE),
        StepSlept(*WHERE, 9),
        RunPaused(*WHERE, Pause("collect_inputs", {})),
        RunResumed(*WHERE, {}),
        StepCompleted(*WHERE, None, {}, None),
        StepFailed(*WHERE, ERROR),
        StepTimedOut(*WHERE),
        StepCancelled(*WHERE),
        CancelRequested(5),
        RunCompleted(5, None),
        RunFailed(5, RunError(None, "X", "broke")),
        RunCancelled(5),
        RunTerminated(5),
    )
}


def run_in(state: State, event: type[Event]) -> Run | None:
    """Return a run in `state`, such that only the table can refuse the sample event."""
    if state is State.NEW:
        return None
    run = apply(None, SAMPLES[RunStarted])
    inside = state in (
        State.EXECUTING,
        State.BACKING_OFF,
        State.SLEEPING,
        State.AWAITING_CHILDREN,
        State.PAUSED,
    )
    if inside:
        run = apply(run, SAMPLES[StepStarted])
    cancelling = event in (StepCancelled, RunCancelled)
    next_step = "a" if event is StepStarted and not inside else None
    return replace(run, state=state, cancel_requested=cancelling, next_step=next_step)


@pytest.mark.parametrize(("state", "kind"), list(product(State, EVENT_TYPES)))
def test_an_event_is_legal_exactly_where_the_table_says(state: State, kind: type[Event]) -> None:
    run, event = run_in(state, kind), SAMPLES[kind]
    if kind is StepStarted and state is State.BACKING_OFF:
        event = StepStarted(5, "a", 1, 2, "t")
    if (state, kind) in TRANSITIONS:
        assert apply(run, event).state is TRANSITIONS[state, kind]
    else:
        with pytest.raises(IllegalTransition):
            apply(run, event)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.READY, StepStarted(5, "other", 1, 1, "t")),
        (State.READY, StepStarted(5, "a", 2, 1, "t")),
        (State.BACKING_OFF, StepStarted(5, "a", 1, 3, "t")),
        (State.EXECUTING, StepCompleted(5, "other", 1, None, {}, None)),
        (State.EXECUTING, StepCompleted(5, "a", 2, None, {}, None)),
        (State.EXECUTING, StepCancelled(5, "a", 1)),
    ],
)
def test_an_event_for_another_step_visit_or_attempt_is_refused(state: State, event: Event) -> None:
    run = run_in(state, StepStarted)
    with pytest.raises(IllegalTransition):
        apply(run, event)
