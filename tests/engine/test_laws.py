"""Invariants that hold for every run under any sequence of inputs."""

from functools import reduce
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    Abandon,
    Admit,
    Answered,
    AnswerKept,
    AttemptFailed,
    AwaitsChildren,
    Begin,
    Broke,
    Cancel,
    CancelRequested,
    ChangeData,
    ChildrenStopped,
    ChildResumed,
    Delivered,
    Edge,
    Event,
    Execute,
    GiveUp,
    Graph,
    HandlerEntered,
    HoldRun,
    Input,
    Interrupted,
    InterruptionSettled,
    Occasion,
    OnInterrupted,
    Pause,
    Pauses,
    Recorded,
    Rejected,
    ReleaseRun,
    RetryPolicy,
    Run,
    RunStarted,
    SkipStep,
    Sleeps,
    State,
    Status,
    Step,
    StepError,
    StepStarted,
    Stopped,
    Terminate,
    TimerDue,
    TryNow,
    TurnAway,
    VisitStatus,
    apply,
    decide,
    fold,
    react,
)
from engine.react_outcome import delivered

NAMES = ["a", "b", "c", "end"]
CHILD = Pause("collect_inputs", {}, run_id="dynamic-workflow-2")
OTHER_CHILD = Pause("collect_inputs", {}, run_id="dynamic-workflow-3")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    steps = {"end": Step("end", "end-flow", ends=True)}
    for name in NAMES[:-1]:
        edges = draw(
            st.lists(st.builds(Edge, st.sampled_from(NAMES), st.sampled_from(Occasion)), max_size=4)
        )
        steps[name] = Step(
            name,
            "t",
            retry=RetryPolicy(draw(st.integers(1, 3)), 10, 2.0, 100),
            on_interrupted=draw(st.sampled_from(OnInterrupted)),
            edges=tuple(edges),
        )
    handler = st.none() | st.sampled_from(NAMES)
    return Graph("a", steps, draw(st.integers(1, 8)), draw(handler), draw(handler), 100)


def inputs() -> st.SearchStrategy[Input]:
    error = st.builds(StepError, st.just("X"), st.just("broke"), st.booleans())
    return st.one_of(
        st.just(Delivered({"x": 1}, {"x": 1})),
        st.builds(Broke, error, st.sampled_from([0, 60])),
        st.builds(Pauses, st.just(Pause("collect_inputs", {})), st.sampled_from([None, 50])),
        st.just(Sleeps(40)),
        st.builds(
            AwaitsChildren, st.just(2), st.sampled_from([None, CHILD, OTHER_CHILD]), st.just(60)
        ),
        st.just(ChildResumed()),
        st.builds(
            Recorded, st.sampled_from(NAMES), st.integers(1, 2), st.sampled_from("rs"), st.just(1)
        ),
        st.just(AnswerKept({}, "kept", {"yes": True}, "me")),
        st.builds(Stopped, st.sampled_from([0, 60])),
        st.just(ChildrenStopped()),
        st.builds(Interrupted, st.booleans(), st.integers(1, 3)),
        st.builds(TimerDue, st.sampled_from([0, 60])),
        st.just(Begin()),
        st.just(Admit()),
        st.just(TurnAway()),
        st.just(Answered({}, {"y": 2}, {"y": 2}, "me")),
        st.builds(InterruptionSettled, st.just({}), st.booleans(), st.just("me")),
        st.builds(Cancel, st.just("why"), st.just("me"), st.sampled_from([0, 60])),
        st.just(Terminate("why", "me")),
        st.just(TryNow("why", "me")),
        st.just(GiveUp("why", "me")),
        st.just(SkipStep({"z": 3}, {"z": 3}, "why", "me")),
        st.just(ChangeData({"x": 9}, ("y",), "why", "me")),
        st.just(HoldRun("why", "me")),
        st.just(ReleaseRun("why", "me")),
    )


class Story:
    """Plays inputs against a graph, checking every invariant at every append."""

    def __init__(self, graph: Graph, started: RunStarted | None = None) -> None:
        self.graph = graph
        deadline_ms = 1 + graph.timeout_ms if graph.timeout_ms else None
        first = RunStarted(
            1, "dynamic-workflow-1", "w", "1.0.0", "a", {"in": 0}, deadline_ms=deadline_ms
        )
        self.events: list[Event] = [started or first]
        self.run = apply(None, self.events[0])
        self.now_ms = 1
        self.happen(Begin())

    def happen(self, happened: Input) -> None:
        self.now_ms += 30
        before = self.run.copy()
        if isinstance(happened, Stopped) and decide(before) != Abandon():
            return  # a driver stops a step only where a cancel asked for it
        try:
            again = react(self.run.copy(), self.graph, happened, self.now_ms)
        except Rejected:
            with pytest.raises(Rejected):
                react(self.run, self.graph, happened, self.now_ms)
            assert self.run == before, "L7: a refusal changes nothing"
            return
        in_general = None
        if isinstance(happened, Delivered) and before.state is State.EXECUTING:
            in_general = before.copy()
            as_ruled = delivered(in_general, self.graph, happened, self.now_ms)
            assert again == as_ruled, "L17: the shortcut gives what the rules give"
        events = react(self.run, self.graph, happened, self.now_ms)
        assert in_general in (None, self.run), "L17"
        assert events == again, "L7: react hangs on nothing but what it is given"
        assert not (before.is_over and events), "L3: an ended run never changes"
        self.events += events
        self.check(before, events)

    def check(self, before: Run, events: tuple[Event, ...]) -> None:
        run = self.run
        assert fold(self.events) == run, "L1: the fold is the live run"
        assert run.seq == len(self.events), "L5: the sequence counts the events"
        assert run.state is not State.READY or run.held, "L4: no append ends between two steps"
        if run.held and before.held == run.held:
            assert not any(isinstance(event, StepStarted) for event in events), "L16: held"
        decision = decide(run)
        assert decision == decide(run), "L2: asked twice, decide says the same"
        if isinstance(decision, Execute):
            ended = {(visit.step_id, visit.visit) for visit in run.past}
            assert (decision.step_id, decision.visit) not in ended, "L2: nothing done is due"
        begun = getattr(self.events[0], "handler", "")
        extra = run.cleaning_up + bool(begun)
        extra += sum(isinstance(one, HandlerEntered) for one in self.events)
        most = self.graph.max_step_executions + extra * self.graph.max_clean_up_executions
        assert run.executions <= most, "L9: bounded executions"
        if before.cancel_requested and not before.cleaning_up and not run.cleaning_up:
            after = takewhile(lambda event: not isinstance(event, HandlerEntered), events)
            assert not any(isinstance(event, StepStarted) for event in after), "L8"
        if run.cancel_requested and run.is_over:
            assert run.status in (Status.CANCELLED, Status.TERMINATED), "L8"
        if run.current and before.current and run.current.visit == before.current.visit:
            kept = before.current.records.items()
            same = run.current.step_id == before.current.step_id
            assert not same or kept <= run.current.records.items(), "L11: records never change"
        assert not (run.is_over and run.held), "L16: an ended run is not held"
        self.check_handlers()
        for event in events:
            if isinstance(event, AttemptFailed) and event.error.type == "X":
                policy = self.graph.steps[event.step_id].retry
                assert event.attempt < policy.max_attempts or run.past, "L10: bounded attempts"
                full = min(10 * 2 ** (event.attempt - 1), 100)
                wait = event.retry_at_ms - event.at_ms
                assert full // 2 <= wait <= full, "L10: jitter stays in the upper half"

    def check_handlers(self) -> None:
        run, graph = self.run, self.graph
        names = [event.handler for event in self.events if isinstance(event, HandlerEntered)]
        started = self.events[0]
        assert isinstance(started, RunStarted)
        names = [name for name in (started.handler, *names) if name]
        assert names in ([], ["onError"], ["finally"], ["onError", "finally"]), "L15: each once"
        if run.is_over and run.status is not Status.TERMINATED:
            assert (graph.at_end is not None) == ("finally" in names), "L15: however it ends"
        if (
            run.status is Status.FAILED
            and graph.on_error
            and not run.cancel_requested
            and started.handler != "finally"
        ):
            in_finally = run.ending is not None and run.ending.status != "failed"
            assert "onError" in names or in_finally, "L15: no failure passes it"
        if run.ending and run.is_over and run.status is not Status.TERMINATED:
            as_decided = run.status.value == run.ending.status
            assert as_decided or run.ending.status == "completed", "L15: finally decides nothing"


@given(graphs(), st.lists(inputs(), max_size=25))
def test_the_invariants_hold_for_any_inputs(graph: Graph, happenings: list[Input]) -> None:
    story = Story(graph)
    for happened in happenings:
        story.happen(happened)


@given(graphs(), st.lists(inputs(), max_size=25), st.data())
def test_folding_in_parts_yields_the_same_run(
    graph: Graph, happenings: list[Input], data: st.DataObject
) -> None:
    story = Story(graph)
    for happened in happenings:
        story.happen(happened)
    cut = data.draw(st.integers(1, len(story.events)))
    first = fold(story.events[:cut])
    assert reduce(apply, story.events[cut:], first) == story.run


@given(graphs(), st.lists(inputs(), max_size=25))
def test_a_visit_that_completed_keeps_its_result(graph: Graph, happenings: list[Input]) -> None:
    story = Story(graph)
    for happened in happenings:
        before = story.run.past.copy()
        story.happen(happened)
        assert story.run.past[: len(before)] == before
    done = [visit for visit in story.run.past if visit.status is VisitStatus.COMPLETED]
    assert all(visit.ended_at_ms is not None for visit in done)


def test_a_cancel_request_is_in_the_history() -> None:
    story = Story(Graph("a", {"a": Step("a", "t"), "end": Step("end", "e", ends=True)}))
    story.happen(Cancel("why", "me"))
    assert isinstance(story.events[-1], CancelRequested)
    story.happen(Stopped())
    assert story.run.status is Status.CANCELLED
