"""Laws of runs that begin at a step of another run."""

from functools import reduce

from hypothesis import assume, given
from hypothesis import strategies as st

from engine import (
    Broke,
    Delivered,
    Event,
    Graph,
    Input,
    Origin,
    Run,
    RunStarted,
    StepError,
    StepStarted,
    apply,
    fold,
)
from journal.codec import SCHEMA, decode, encode
from tests.engine.test_laws import Story, graphs, inputs


def entries(events: list[Event]) -> list[tuple[Run, StepStarted]]:
    """Give every entry of a step, with the run as it stood before."""
    found = []
    run: Run | None = None
    for event in events:
        if run is not None and isinstance(event, StepStarted) and event.attempt == 1:
            found.append((run, event))
        run = apply(run, event)
    return found


def again(before: Run, entry: StepStarted) -> RunStarted:
    return RunStarted(
        entry.at_ms, "dynamic-workflow-9", before.workflow_id, before.version, entry.step_id,
        before.data, before.context, "me",
        origin=Origin(before.id, entry.step_id, before.seq + 1),
        outputs=dict(before.outputs), caught=before.last_error,
    )  # fmt: skip


@given(graphs(), st.lists(inputs(), max_size=15), st.lists(inputs(), max_size=15), st.data())
def test_the_laws_hold_for_a_rerun_from_any_step(
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
def test_the_same_outcomes_lead_a_rerun_to_the_same_end(
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
def test_the_journal_keeps_a_rerun_as_it_began(
    graph: Graph, happenings: list[Input], data: st.DataObject
) -> None:
    story = Story(graph)
    for happened in happenings:
        story.happen(happened)
    started = again(*data.draw(st.sampled_from(entries(story.events))))
    assert decode("RunStarted", SCHEMA, started.at_ms, encode(started)) == started
