"""Invariants of reruns, which start at a step of another run."""

from functools import reduce

from hypothesis import assume, given
from hypothesis import strategies as st

from app.execution.commands.reruns import carried
from engine import (
    Broke,
    Delivered,
    Event,
    Graph,
    Input,
    Origin,
    Run,
    RunStarted,
    StepCompleted,
    StepError,
    StepStarted,
    apply,
    fold,
)
from journal.rows.codec import SCHEMA, decode, encode
from tests.engine.test_laws import Story, graphs, inputs


def entries(events: list[Event]) -> list[tuple[Run, StepStarted]]:
    """Return every entry into a step, with the run as it was before."""
    found = []
    run: Run | None = None
    for event in events:
        if run is not None and isinstance(event, StepStarted) and event.attempt == 1:
            found.append((run.copy(), event))
        run = apply(run, event)
    return found


def again(before: Run, entry: StepStarted) -> RunStarted:
    return RunStarted(
        entry.at_ms, "dynamic-workflow-9", before.workflow_id, before.version, entry.step_id,
        before.data, before.context, "me",
        origin=Origin(before.id, entry.step_id, before.seq + 1),
        outputs=dict(before.outputs), caught=before.last_error, caught_in=before.failed_in,
        carried=carried(before), visits=dict(before.visits), handler=before.handler,
        ending=before.ending,
    )  # fmt: skip


@given(graphs(), st.lists(inputs(), max_size=15), st.lists(inputs(), max_size=15), st.data())
def test_the_invariants_hold_for_a_rerun_from_any_step(
    graph: Graph, first: list[Input], then: list[Input], data: st.DataObject
) -> None:
    story = Story(graph)
    for happened in first:
        story.happen(happened)
    before, entry = data.draw(st.sampled_from(entries(story.events)))
    rerun = Story(graph, again(before, entry))
    begun = fold(rerun.events[:1])
    assert (begun.data, begun.outputs, begun.last_error) == (
        before.data,
        before.outputs,
        before.last_error,
    ), "L12: a rerun finds what the step found"
    for happened in then:
        rerun.happen(happened)
    cut = data.draw(st.integers(1, len(rerun.events)))
    assert reduce(apply, rerun.events[cut:], fold(rerun.events[:cut])) == rerun.run, "L1"
    assert rerun.run.origin == Origin("dynamic-workflow-1", entry.step_id, before.seq + 1)
    past = [(visit.step_id, visit.visit, visit.status, visit.output) for visit in before.past]
    reported = [
        (visit.step_id, visit.visit, visit.status, visit.output) for visit in rerun.run.carried
    ]
    assert reported == past, "L14: a rerun keeps its past"
    again_at = [(visit.step_id, visit.visit) for visit in (*before.past, *rerun.run.history)]
    assert len(set(again_at)) == len(again_at), "L14: the numbers of visits continue"
    assert rerun.run.executions == len(rerun.run.history), "L14: the past counts for no limit"


@given(
    graphs(),
    st.lists(
        st.sampled_from(
            [Delivered({"x": 1}, {"x": 1}), Broke(StepError("X", "broke", retryable=False))]
        ),
        min_size=1,
        max_size=8,
    ),
    st.data(),
)
def test_a_rerun_with_the_same_outcomes_ends_the_same(
    graph: Graph, happenings: list[Input], data: st.DataObject
) -> None:
    story, starts = Story(graph), []
    for happened in happenings:
        if story.run.is_over:
            break
        starts.append((story.run, happened))
        story.happen(happened)
    assume(story.run.executions < graph.max_step_executions)
    at = data.draw(st.integers(0, len(starts) - 1))
    before, entry = entries(story.events)[at]
    rerun = Story(graph, again(before, entry))
    for _, happened in starts[at:]:
        rerun.happen(happened)
    assert (rerun.run.status, rerun.run.data, rerun.run.outputs, rerun.run.result) == (
        story.run.status,
        story.run.data,
        story.run.outputs,
        story.run.result,
    ), "L13: a rerun with the same outcomes ends as the run did"


@given(graphs(), st.lists(inputs(), max_size=15), st.data())
def test_the_journal_stores_the_start_of_a_rerun_exactly(
    graph: Graph, happenings: list[Input], data: st.DataObject
) -> None:
    story = Story(graph)
    for happened in happenings:
        story.happen(happened)
    started = again(*data.draw(st.sampled_from(entries(story.events))))
    assert decode("RunStarted", SCHEMA, started.at_ms, encode(started)) == started


def test_a_rerun_without_carried_history_still_folds() -> None:
    body = (
        '{"run_id":"dynamic-workflow-9","workflow_id":"w","version":"1.0.0","first_step":"b",'
        '"data":{"x":1},"origin":{"run_id":"dynamic-workflow-1","step_id":"b","seq":4},'
        '"outputs":{"a":{"x":1}}}'
    )
    run = fold([decode("RunStarted", SCHEMA, 5, body)])
    assert (run.carried, run.visits, run.origin) == ((), {}, Origin("dynamic-workflow-1", "b", 4))


def test_of_a_long_history_the_newest_part_is_carried() -> None:
    events: list[Event] = [RunStarted(1, "dynamic-workflow-1", "w", "1.0.0", "a", {})]
    for visit in range(1, 1_301):
        events += [StepStarted(visit, "a", visit, 1, "t")]
        text = "x" * (500_000 if visit > 1_290 else 10)
        events += [StepCompleted(visit, "a", visit, text, {}, "a")]
    kept = carried(fold(events))
    assert [visit.visit for visit in kept] == list(range(301, 1_301))
    large = [visit for visit in kept if visit.visit > 1_290]
    assert [visit.left_out for visit in large] == [True] * 8 + [False] * 2
    assert sum(len(str(visit.output or "")) for visit in kept) < 1_048_576
    assert not any(visit.left_out for visit in kept[:990])
