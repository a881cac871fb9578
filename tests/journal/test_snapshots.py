"""Snapshots of long runs: what is shown by one is what the whole history says."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.execution.usage import summary_of
from app.wire.requests.history_page import HistoryPage
from app.wire.runs.document import status_document
from engine import (
    Event,
    Graph,
    Input,
    Json,
    Run,
    RunCompleted,
    RunStarted,
    StepCompleted,
    StepRecorded,
    StepStarted,
    Visit,
    apply,
)
from journal import Head, Journal, RecentRun, UnknownRun
from journal.histories import events as histories
from journal.histories import proved, recent_runs, snapshots
from journal.histories.proved import following, pieces
from journal.rows.event_rows import Row
from journal.rows.snapshot_rows import SNAPSHOT, decode_state, encode_state, entered_of
from journal.writing.transaction import UNCOUNTED
from tests.engine.test_laws import Story, graphs, inputs
from tests.harness.histories import append_events, start_run

EVERY, SHOWN, TURNS = 4, 10, 60
ASKED: Json = {
    "model": "small", "latencyMs": 5, "usage": {"inputTokens": 3, "outputTokens": 2},
}  # fmt: skip


@pytest.fixture(autouse=True)
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make snapshots of runs that a test can write in a moment."""
    monkeypatch.setattr(histories, "EVERY", EVERY)
    monkeypatch.setattr(snapshots, "MOST_SHOWN", SHOWN)
    monkeypatch.setattr(recent_runs, "_SHORT", 20)


def appends(turns: int) -> Iterator[list[Event]]:
    """Yield the appends of a run that enters a step again and again; some visits ask a model."""
    begun = RunStarted(1, "dynamic-workflow-1", "w", "1.0.0", "a", {"n": 0, "kept": ["ä", 1.5]})
    yield [begun, StepStarted(1, "a", 1, 1, "call-llm", "Ask")]
    for turn in range(1, turns + 1):
        if turn % 7 == 0:
            yield [StepRecorded(10 * turn, "a", turn, "turn-1", ASKED)]
        done = StepCompleted(10 * turn, "a", turn, {"n": turn}, {"n": turn}, "a")
        yield [done, StepStarted(10 * turn, "a", turn + 1, 1, "call-llm", "Ask")]
    last = StepCompleted(10_000, "a", turns + 1, {}, {}, None)
    yield [last, RunCompleted(10_000, {"n": turns})]


async def written(journal: Journal, turns: int = TURNS) -> Run:
    """Write such a run; return it as it was in memory."""
    journal.events.snapshots.summary = summary_of
    run: Run | None = None
    head: Head | None = None
    for events in appends(turns):
        for event in events:
            run = apply(run, event)
        assert run is not None
        if head is None:
            head = await start_run(journal, "acme", run, events)
        else:
            head = await append_events(journal, head, events, run)
    assert run is not None
    return run


def shown(found: RecentRun, page: HistoryPage) -> Json:
    return status_document(found.run, shown=page, earlier=(found.visits, found.summary))


async def test_what_follows_a_snapshot_is_folded_in_pieces_of_limited_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proved, "_PIECE_CHARACTERS", 60)  # fewer than the body of a row has
    split = list[int]()

    def noted(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        for piece in pieces(rows):
            split.append(len(piece))
            yield piece

    monkeypatch.setattr(recent_runs, "pieces", noted)
    journal = await Journal.open(tmp_path)
    whole = await written(journal)
    await journal.close()
    journal = await Journal.open(tmp_path)
    try:
        await journal.recent.of(whole.id, "acme", SHOWN)
    finally:
        await journal.close()
    assert len(split) > SHOWN
    assert set(split) == {1}


async def test_the_newest_visits_are_shown_by_a_snapshot_as_by_the_whole_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(tmp_path)
    whole = await written(journal)
    await journal.close()
    checked = list[int]()

    def counted(run_id: str, row: tuple[object, ...], seq: int, before: bytes) -> list[Event]:
        checked.append(seq)
        return following(run_id, row, seq, before)

    monkeypatch.setattr(recent_runs, "following", counted)
    journal = await Journal.open(tmp_path)
    try:
        for limit in (1, 5, SHOWN):
            checked.clear()
            found = await journal.recent.of(whole.id, "acme", limit)
            assert found.visits >= TURNS - limit - 2 * EVERY, "most visits are not read"
            assert len(checked) < 2 * (limit + 2 * EVERY)
            page = HistoryPage(limit)
            assert shown(found, page) == status_document(whole, shown=page)
            assert (await journal.recent.of(whole.id, "acme", limit)) is found, "kept in memory"
        with pytest.raises(UnknownRun):
            await journal.recent.of(whole.id, "other", SHOWN)
        assert (await journal.events.run(whole.id))[1] == whole
        await journal.removal.delete("acme", whole.id, 10)
        with pytest.raises(UnknownRun):
            await journal.recent.of(whole.id, "acme", SHOWN)
        counts = "SELECT count(*) FROM run_snapshots"
        assert (await journal.events._readers.one(counts)) == (0,)
    finally:
        await journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        "body = replace(body, '\"n\":', '\"m\":')",
        "hash = digest",
        "seq = seq - 2",
        "visits = visits + 1",
        f"schema = {SNAPSHOT + 1}",
    ],
)
async def test_a_snapshot_that_does_not_fit_is_not_used(tmp_path: Path, damage: str) -> None:
    journal = await Journal.open(tmp_path)
    whole = await written(journal, 24)
    changes = f"UPDATE run_snapshots SET {damage}"
    changed = await journal.events._writer.write(
        lambda one: one.execute(changes).rowcount, UNCOUNTED
    )
    assert changed == 4
    await journal.close()
    journal = await Journal.open(tmp_path)
    try:
        assert await journal.recent.of(whole.id, "acme", SHOWN) == RecentRun(whole)
    finally:
        await journal.close()


class Snapped(Story):
    """Compares each state of which a snapshot may be made with what is read back."""

    def check(self, before: Run, events: tuple[Event, ...]) -> None:
        entered = entered_of(self.run)
        if entered is None:
            return
        found, summary = decode_state(encode_state(self.run, entered, {"usage": None}))
        assert summary == {"usage": None}
        found.past = self.run.past.copy()
        assert found == self.run


@given(graphs(), st.lists(inputs(), max_size=25))
def test_a_state_is_read_back_as_it_was(graph: Graph, happened: list[Input]) -> None:
    story = Snapped(graph)
    for one in happened:
        if not story.run.is_over:
            story.happen(one)


def test_the_number_of_the_format_stands_for_what_runs_are_made_of() -> None:
    """If this fails, give `SNAPSHOT` the next number: what is kept has other fields."""
    names = (SNAPSHOT, len(fields(Run)), len(fields(Visit)))
    assert names == (1, 45, 17)
