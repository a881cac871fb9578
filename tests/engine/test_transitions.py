"""Each pair of state and event is legal only where this table says, and leads where it says."""

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
    ChildrenLeft,
    ChildrenResumed,
    DataChanged,
    Ending,
    Event,
    HandlerEntered,
    Hold,
    IllegalTransition,
    Parent,
    ParentWentOn,
    Pause,
    PauseChanged,
    Place,
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
    WaitEnded,
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
        ChildrenLeft(*WHERE, 9),
        StepSlept(*WHERE, 9),
        RunPaused(*WHERE, Pause("collect_inputs", {})),
        PauseChanged(*WHERE, "claimed", {}),
        RunResumed(*WHERE, {}),
        StepCompleted(*WHERE, None, {}, None),
        StepFailed(*WHERE, ERROR),
        StepTimedOut(*WHERE),
        StepCancelled(*WHERE),
        RunQueued(5, Place("k", 1)),
        RunAdmitted(5),
        ParentWentOn(5),
        CancelRequested(5),
        RunOverdue(5),
        HandlerEntered(5, "finally", "a", Ending("completed")),
        RunCompleted(5, None),
        RunFailed(5, RunError(None, "X", "broke")),
        RunCancelled(5),
        RunTerminated(5),
        WaitEnded(*WHERE),
        StepGivenUp(*WHERE),
        StepSkipped(*WHERE),
        DataChanged(5, {"x": 1}),
        RunHeld(5),
        RunReleased(5),
    )
}

TABLE = """
from:              new   queued     ready      executing   backing_off sleeping   awaiting    stopping    paused
RunStarted         ready .          .          .           .           .          .           .           .
RunQueued          .     .          queued     .           .           .          .           .           .
RunAdmitted        .     ready      .          .           .           .          .           .           .
StepStarted        .     .          executing  .           executing   .          .           .           .
AttemptFailed      .     .          .          backing_off .           .          backing_off backing_off .
AttemptInterrupted .     .          .          executing   .           .          .           .           .
StepRecorded       .     .          .          executing   .           .          executing   .           .
ChildrenAwaited    .     .          .          awaiting    .           .          .           .           .
ChildrenResumed    .     .          .          .           .           .          .           .           awaiting
ChildrenLeft       .     .          .          stopping    .           .          stopping    .           .
StepSlept          .     .          .          sleeping    .           .          sleeping    .           .
RunPaused          .     .          .          paused      .           .          paused      .           paused
RunResumed         .     .          .          .           .           .          .           .           executing
StepCompleted      .     .          .          ready       .           ready      ready       .           .
PauseChanged       .     .          .          .           .           .          .           .           paused
StepFailed         .     .          .          ready       .           .          ready       ready       ready
StepTimedOut       .     .          .          .           .           .          .           .           ready
StepCancelled      .     .          .          ready       ready       ready      ready       ready       ready
ParentWentOn       .     queued     ready      executing   backing_off sleeping   awaiting    stopping    paused
CancelRequested    .     queued     ready      executing   backing_off sleeping   awaiting    stopping    paused
RunOverdue         .     queued ready      executing   backing_off sleeping   awaiting    stopping    paused
HandlerEntered     .     .          ready      .           .           .          .           .           .
RunCompleted       .     .          completed  .           .           .          .           .           .
RunFailed          .     failed     failed     .           .           .          .           .           .
RunCancelled       .     cancelled  cancelled  .           .           .          .           .           .
RunTerminated      .     terminated terminated terminated  terminated  terminated terminated  terminated  terminated
WaitEnded          .     .          .          .           backing_off sleeping   .           .           .
StepGivenUp      .     .          .          .           executing   executing  .           .           .
StepSkipped        .     .          .          .           executing   executing  .           .           executing
DataChanged        .     queued     ready      .           backing_off sleeping   .           .           paused
RunHeld            .     queued     ready      executing   backing_off sleeping   awaiting    stopping    paused
RunReleased        .     queued     ready      executing   backing_off sleeping   awaiting    stopping    paused
"""
"""Where each event leads from each state, a dot where it is illegal; no event leads out of an end."""


def read_table() -> dict[tuple[State, type[Event]], State]:
    kinds = {kind.__name__: kind for kind in EVENT_TYPES}
    (_, *states), *rows = (line.split() for line in TABLE.strip().splitlines())
    return {
        (State(state), kinds[name]): State(target)
        for name, *targets in rows
        for state, target in zip(states, targets, strict=True)
        if target != "."
    }


LEGAL = read_table()


def test_the_engine_has_this_table() -> None:
    assert TRANSITIONS == LEGAL


def run_in(state: State, event: type[Event]) -> Run | None:
    """Return a run in `state` for which only the table can refuse the sample event."""
    if state is State.NEW:
        return None
    run = apply(None, SAMPLES[RunStarted])
    inside = state in (
        State.EXECUTING,
        State.BACKING_OFF,
        State.SLEEPING,
        State.AWAITING_CHILDREN,
        State.STOPPING_CHILDREN,
        State.PAUSED,
    )
    if inside:
        run = apply(run, SAMPLES[StepStarted])
    cancelling = event in (StepCancelled, RunCancelled)
    next_step = "a" if event is StepStarted and not inside else None
    if event is RunReleased:
        run.held = Hold(1, None, "ann")
    if event is ParentWentOn:
        run.parent = Parent("dynamic-workflow-0", "call", 1, 1, 0, 1)
    return replace(
        run, state=state, cancel_requested=cancelling, next_step=next_step, deadline_ms=9
    )


@pytest.mark.parametrize(("state", "kind"), list(product(State, EVENT_TYPES)))
def test_an_event_is_legal_exactly_where_the_table_says(state: State, kind: type[Event]) -> None:
    run, event = run_in(state, kind), SAMPLES[kind]
    if kind is StepStarted and state is State.BACKING_OFF:
        event = StepStarted(5, "a", 1, 2, "t")
    if (state, kind) == (State.PAUSED, PauseChanged):
        assert run is not None
        run = replace(run, pause=Pause("collect_inputs", {}))
    if (state, kind) in LEGAL:
        assert apply(run, event).state is LEGAL[state, kind]
    else:
        with pytest.raises(IllegalTransition):
            apply(run, event)
