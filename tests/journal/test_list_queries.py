"""The work of a list, counted in SQLite's steps, does not grow with the journal."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from journal import (
    DefinitionFilter,
    InboxFilter,
    InboxPosition,
    Journal,
    ListedError,
    RunFilter,
    RunOrder,
    RunPosition,
)
from journal.connection import Values
from journal.reading.readers import Readers

SMALL, LARGE = 1_000, 8_000
ALIKE_FROM = 1_000_000
"""Behind this number, all runs of a tenant have started and ended at the same moments."""
CHILDREN_FROM = 100
"""The first of the children of run 1, which are an eighth of the runs."""

_INSERT = (
    "INSERT INTO runs (id, tenant, workflow_id, version, status, state, step_id, seq,"
    " started_at_ms, updated_at_ms, ended_at_ms, due_at_ms, parent, parent_execution,"
    " parent_attempt, item)"
    " VALUES (?, ?, ?, '1.0.0', ?, ?, 'a', 1, ?, 1, ?, ?, ?, ?, ?, ?)"
)


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Yield runs, of which three start in each millisecond."""
    for number in range(1, count + 1):
        status = "paused" if number % 10 == 3 else "completed" if number % 7 else "failed"
        if number % 50 == 4:
            status = "running"
        ended = None if status in ("paused", "running") else number
        state = "sleeping" if status == "running" else status
        family = (1, 1, 1, number) if CHILDREN_FROM <= number < CHILDREN_FROM + count // 8 else ()
        started = number // 3
        yield (
            number, "acme" if number > 50 else "small", f"wf-{number % 5}", status, state,
            started, ended, None if ended else count + number, *(family or (None,) * 4),
        )  # fmt: skip


def fill(file: Path, count: int) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executemany(_INSERT, rows(count))
        connection.execute(
            "INSERT INTO events (run, seq, type, schema, at_ms, body, hash)"
            " SELECT id, 1, 'RunPaused', 3, 1, '{}', x'00' FROM runs WHERE status = 'paused'"
        )
        connection.execute(
            "INSERT INTO events (run, seq, type, schema, at_ms, body, hash)"
            " SELECT id, 1, 'RunFailed', 3, 1, json(?), x'00' FROM runs WHERE status = 'failed'",
            ('{"error": {"step_id": "a", "type": "T", "message": "m"}}',),
        )
        connection.execute(
            "INSERT INTO run_failures SELECT id, tenant, started_at_ms, iif(id < 300, 'Rare', 'T'),"
            " 's-' || (id % 2) FROM runs WHERE status = 'failed'"
        )
        connection.execute("UPDATE runs SET step_id = NULL WHERE ended_at_ms IS NOT NULL")
        connection.execute(
            "INSERT INTO runs (id, tenant, workflow_id, version, status, state, seq, started_at_ms,"
            " updated_at_ms, ended_at_ms) SELECT id + ?, 'alike', 'wf', '1.0.0', 'completed',"
            " 'completed', 1, 7, 9, 9 FROM runs",
            (ALIKE_FROM,),
        )
        connection.execute(
            "INSERT INTO run_captions SELECT id, tenant, started_at_ms, 'Invoice order c-' || (id % 20),"
            " json_object('customer', 'c-' || (id % 20), 'size', 's-' || (id % 3)) FROM runs"
        )
        connection.execute(
            "INSERT INTO run_inputs SELECT id, tenant, started_at_ms, 'ada d-' || (id % 4) ||"
            " CASE WHEN id % 20 = 3 AND id < 400 THEN ' order c-3' ELSE '' END FROM runs"
        )
        for number in range(count // 8):
            name = f"wf-{number}"
            connection.execute(
                "INSERT INTO workflows VALUES ('acme', ?, ?, '1.0.0', 1, ?)", (name, 0, number)
            )
            connection.execute(
                "INSERT INTO versions VALUES ('acme', ?, 1, '1.0.0', 'published', ?, '', '{}', 1, 1)",
                (name, name),
            )
        connection.commit()


class Counted:
    """A journal whose connections count SQLite's steps."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.steps = 0

    async def watch(self) -> None:
        for readers in (self.journal._readers, self.journal._lists):
            for connection in readers._connections:
                await connection.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.steps += 1
        return 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def journals(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Counted]]:
    async with AsyncExitStack() as stack:
        made = []
        for count in (SMALL, LARGE):
            journal = await Journal.open(tmp_path_factory.mktemp("lists"))
            stack.push_async_callback(journal.close)
            fill(journal.file, count)
            made.append(Counted(journal))
            await made[-1].watch()
        yield made


PARENT = "dynamic-workflow-1"
MIDDLE = RunPosition(SMALL // 6, SMALL // 2)
FILTERS = {
    "all": RunFilter(),
    "the next page": RunFilter(before=MIDDLE),
    "a status": RunFilter(status="paused"),
    "a status that no run has": RunFilter(status="cancelled"),
    "a workflow": RunFilter(workflow_id="wf-3"),
    "a workflow that there is not": RunFilter(workflow_id="none"),
    "a workflow and a status": RunFilter(workflow_id="wf-1", status="completed"),
    "a workflow and a status that no run has": RunFilter(workflow_id="wf-3", status="cancelled"),
    "children": RunFilter(parent_id=PARENT),
    "children of no run": RunFilter(parent_id="dynamic-workflow-2"),
    "children with a status": RunFilter(parent_id=PARENT, status="completed"),
    "the oldest": RunFilter(until_ms=20),
    "a moment": RunFilter(since_ms=100, until_ms=103),
    "a moment and a status": RunFilter(since_ms=100, until_ms=103, status="failed"),
    "a moment and a workflow": RunFilter(since_ms=100, until_ms=103, workflow_id="wf-2"),
    "children of a moment": RunFilter(parent_id=PARENT, since_ms=50, until_ms=53),
    "another tenant's time": RunFilter(since_ms=0, until_ms=2),
    "up to a moment, the next page": RunFilter(until_ms=LARGE, before=MIDDLE),
    "up to a moment before the place": RunFilter(until_ms=100, before=MIDDLE),
    "from a moment, the next page": RunFilter(
        status="completed", since_ms=1, before=MIDDLE, order=RunOrder.read("startTime")
    ),
    "from a moment after the place": RunFilter(
        status="completed", since_ms=200, before=MIDDLE, order=RunOrder.read("startTime")
    ),
    "no child runs": RunFilter(top_level=True),
    "no child runs of a status": RunFilter(top_level=True, status="failed", since_ms=100),
    "the oldest first": RunFilter(order=RunOrder.read("startTime")),
    "the oldest first, the next page": RunFilter(
        before=MIDDLE, top_level=True, order=RunOrder.read("startTime")
    ),
    "by end": RunFilter(order=RunOrder.read("-endTime")),
    "by end, of a status": RunFilter(status="failed", order=RunOrder.read("endTime")),
    "the longest": RunFilter(order=RunOrder.read("-duration")),
    "the longest, the next page": RunFilter(
        before=RunPosition(SMALL // 3, SMALL // 2), order=RunOrder.read("-duration")
    ),
}
SEARCHES = {
    "no child runs of a workflow": RunFilter(top_level=True, workflow_id="wf-3"),
    "the longest of a workflow": RunFilter(
        top_level=True, workflow_id="wf-2", order=RunOrder.read("-duration")
    ),
    "the first to end of a moment": RunFilter(
        since_ms=100, until_ms=203, order=RunOrder.read("endTime")
    ),
    "the beginning of a long word": RunFilter(text="c-3 Invo\u00edc"),
    "words, the oldest first": RunFilter(text="order c-3", order=RunOrder.read("startTime")),
    "a label of a moment, the oldest first": RunFilter(
        labels=(("customer", "c-3"),), since_ms=100, until_ms=203, order=RunOrder.read("startTime")
    ),
    "a label": RunFilter(labels=(("customer", "c-3"),)),
    "a label and a status": RunFilter(labels=(("customer", "c-3"),), status="paused"),
    "two labels": RunFilter(labels=(("customer", "c-3"), ("size", "s-1"))),
    "a label of a moment": RunFilter(labels=(("customer", "c-3"),), since_ms=100, until_ms=203),
    "words": RunFilter(text="order c-3"),
    "words of the data": RunFilter(text="ada d-3"),
    "words of the data, the oldest first": RunFilter(
        text="ada d-3", status="completed", order=RunOrder.read("startTime")
    ),
    "words of a moment": RunFilter(text="order c-3", since_ms=100, until_ms=109),
    "a word that many runs have, with a label of a moment": RunFilter(
        text="ada", labels=(("customer", "c-3"),), since_ms=100, until_ms=203
    ),
    "a word that many runs have, with an error": RunFilter(text="ada", error_type="Rare"),
    "words of another tenant": RunFilter(text="secret"),
    "a run by its number": RunFilter(text="77"),
    "what few runs took": RunFilter(shorter_ms=60),
    "what few runs took, the oldest first": RunFilter(
        longer_ms=40, shorter_ms=60, top_level=True, order=RunOrder.read("startTime")
    ),
    "what many runs took": RunFilter(longer_ms=40),
    "an error that few runs have": RunFilter(error_type="Rare"),
    "an error that few runs have, by end": RunFilter(
        error_type="Rare", order=RunOrder.read("endTime")
    ),
    "an error that many runs have": RunFilter(error_type="T", top_level=True),
    "an error that many runs have, the longest first": RunFilter(
        error_type="T", order=RunOrder.read("-duration")
    ),
    "an error and a step, the oldest first": RunFilter(
        error_type="T", step_id="s-1", order=RunOrder.read("startTime")
    ),
    "an error that no run has": RunFilter(error_type="None", workflow_id="wf-2"),
    "a step in which runs are": RunFilter(step_id="a"),
    "a step in which runs failed": RunFilter(step_id="s-1"),
    "a step in which runs of a moment failed": RunFilter(step_id="s-1", since_ms=100, until_ms=203),
    "a step, the oldest first": RunFilter(
        step_id="s-0", since_ms=100, order=RunOrder.read("startTime")
    ),
    "a step of runs that failed": RunFilter(step_id="s-1", status="failed"),
    "a step of runs that wait": RunFilter(step_id="a", status="paused", workflow_id="wf-3"),
    "a step, the first to end": RunFilter(step_id="s-1", order=RunOrder.read("endTime")),
    "sleeping": RunFilter(state="sleeping"),
    "sleeping, the oldest first": RunFilter(state="sleeping", order=RunOrder.read("startTime")),
    "sleeping, of a moment": RunFilter(state="sleeping", since_ms=100, until_ms=203),
    "waiting for a retry": RunFilter(state="backing_off", top_level=True),
    "children of a workflow": RunFilter(parent_id=PARENT, workflow_id="wf-3"),
    "children of a workflow that there is not": RunFilter(parent_id=PARENT, workflow_id="none"),
    "children with an error": RunFilter(parent_id=PARENT, error_type="Rare"),
    "words with a status that no run has": RunFilter(text="order c-3", status="cancelled"),
    "words with an error": RunFilter(text="order c-3", error_type="Rare"),
}
WORDS: dict[str | None, Callable[[int], bool]] = {
    None: lambda _: True,
    "order c-3": lambda number: number % 20 == 3,
    "c-3 Invo\u00edc": lambda number: number % 20 == 3,
    "ada d-3": lambda number: number % 4 == 3,
    "ada": lambda _: True,
    "77": lambda number: number == 77,
    "nothing": lambda _: False,
}
"""The runs that contain each search text."""

Ask = Callable[[Journal], Awaitable[Any]]


async def _errors(journal: Journal) -> dict[int, ListedError]:
    page = await journal.search.page("acme", RunFilter(status="failed"), 20)
    found = await journal.run_errors.of("acme", page.rows)
    assert set(found.values()) == {ListedError("a", "T", "m")}
    assert [*found] == [row.number for row in page.rows]
    return found


LISTS: dict[str, Ask] = {
    "inbox": lambda journal: journal.inbox.page("acme", 26),
    "inbox, the next page": lambda journal: journal.inbox.page(
        "acme", 26, InboxFilter(before=InboxPosition(None, MIDDLE.key, MIDDLE.number))
    ),
    "inbox of a workflow": lambda journal: journal.inbox.page(
        "acme", 26, InboxFilter(workflow_id="wf-3")
    ),
    "inbox of none": lambda journal: journal.inbox.page(
        "acme", 26, InboxFilter(workflow_id="none")
    ),
    "inbox of somebody": lambda journal: journal.inbox.page("acme", 26, InboxFilter(names=["ada"])),
    "inbox, searched": lambda journal: journal.inbox.page("acme", 26, InboxFilter(text="nothing")),
    "inbox of a group": lambda journal: journal.inbox.page(
        "acme", 26, InboxFilter(names=["ops"], only=["ops"])
    ),
    "inbox, counted for somebody": lambda journal: journal.inbox.count("acme", 50, ["ada"]),
    "inbox, counted": lambda journal: journal.inbox.count("acme", 50),
    "errors of a page": _errors,
    "what can be stopped": lambda journal: journal.selection.open("acme", RunFilter(), None, 15),
    "what can be deleted": lambda journal: journal.selection.deletable(
        "acme", RunFilter(), None, 50
    ),
    "some of some runs": lambda journal: journal.selection.open(
        "acme", RunFilter(status="paused"), [f"dynamic-workflow-{n}" for n in range(60, 90)], 50
    ),
    "the first timer": lambda journal: journal.statistics.oldest_timer_ms("acme"),
    "the first timer of another": lambda journal: journal.statistics.oldest_timer_ms("other"),
    "what is due": lambda journal: journal.runs.due(2 * LARGE, (0, 0), 20),
    "what is unfinished": lambda journal: journal.runs.unfinished(0, 100),
    "known": lambda journal: journal.runs.known("acme", [PARENT]),
    "suspects": lambda journal: journal.runs.suspects(),
    "the first children": lambda journal: journal.children.ids(PARENT, 50),
    "overview, counts": lambda journal: journal.overview.by_status("acme", 0),
    "overview, failures": lambda journal: journal.overview.failures("acme", 0, 10),
    "overview, retries": lambda journal: journal.overview.retries("acme", 10),
    "overview, oldest": lambda journal: journal.overview.oldest_question("acme"),
    "workflows": lambda journal: journal.workflows.search("acme", DefinitionFilter(limit=21)),
    "published workflows": lambda journal: journal.workflows.search(
        "acme", DefinitionFilter(limit=21, status="published")
    ),
    "versions": lambda journal: journal.workflows.versions("acme", "wf-3", limit=20),
}


async def the_same_work(ask: Ask, journals: list[Counted], most: float = 1.2) -> None:
    steps = []
    for counted in journals:
        await ask(counted.journal)  # prepares the statements and reads the schema
        counted.steps = 0
        await ask(counted.journal)
        steps.append(counted.steps)
    assert steps[1] <= most * steps[0] + 40, steps


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", FILTERS)
async def test_a_page_of_runs_costs_the_same_in_a_long_journal(
    name: str, journals: list[Counted]
) -> None:
    await the_same_work(lambda journal: journal.runs.page("acme", FILTERS[name], 21), journals)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("sort", "key"), [("startTime", 7), ("endTime", 9), ("duration", 2)])
@pytest.mark.parametrize("way", ["", "-"])
async def test_a_page_among_runs_with_the_same_place_costs_the_same(
    way: str, sort: str, key: int, journals: list[Counted]
) -> None:
    middle = RunPosition(key, ALIKE_FROM + SMALL // 2)
    wanted = RunFilter(before=middle, order=RunOrder.read(f"{way}{sort}"))
    await the_same_work(lambda journal: journal.runs.page("alike", wanted, 21), journals)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", LISTS)
async def test_a_list_costs_the_same_in_a_long_journal(
    name: str, journals: list[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.runs.overview.MOST_COUNTED", 50)
    monkeypatch.setattr("journal.runs.overview._LOOKED_AT", 10)
    monkeypatch.setattr("journal.runs.inbox._MOST_SEARCHED", 80)
    await the_same_work(LISTS[name], journals)


def meant(wanted: RunFilter) -> list[RunPosition]:
    """Return the matching runs in order, found by checking every row."""
    fits = WORDS.get(wanted.text, WORDS["nothing"])
    places: list[RunPosition] = []
    for number, tenant, workflow, status, state, started, ended, _, parent, *_ in rows(SMALL):
        over = ended or 0
        error = ("Rare" if number < 300 else "T") if status == "failed" else None
        key = {"startTime": started, "endTime": over, "duration": over - started}
        place = RunPosition(key[wanted.order.by], number)
        behind = wanted.before is None or (
            place > wanted.before if wanted.order.ascending else place < wanted.before
        )
        if (
            tenant == "acme"
            and behind
            and fits(number)
            and wanted.status in (None, status)
            and wanted.state in (None, state)
            and wanted.error_type in (None, error)
            and wanted.step_id in (None, "a" if ended is None else error and f"s-{number % 2}")
            and wanted.workflow_id in (None, workflow)
            and (wanted.since_ms or 0) <= started < (wanted.until_ms or LARGE)
            and (wanted.parent_id is None or wanted.parent_id == f"dynamic-workflow-{parent}")
            and not (wanted.top_level and parent is not None)
            and not (wanted.order.of_ended and ended is None)
            and (wanted.longer_ms is None or over - started >= wanted.longer_ms)
            and (wanted.shorter_ms is None or (ended and over - started < wanted.shorter_ms))
            and set(wanted.labels)
            <= {("customer", f"c-{number % 20}"), ("size", f"s-{number % 3}")}
        ):
            places.append(place)
    return sorted(places, reverse=not wanted.order.ascending)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", FILTERS)
async def test_pages_together_are_exactly_the_matching_runs(
    name: str, journals: list[Counted]
) -> None:
    wanted, small = FILTERS[name], journals[0].journal
    found: list[RunPosition] = []
    asked = wanted
    while True:
        page = await small.runs.page("acme", asked, 37)
        found += [row.place(wanted.order) for row in page]
        if len(page) < 37:
            break
        asked = replace(wanted, before=found[-1])
    assert not wanted.is_search
    assert found == meant(wanted)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", SEARCHES)
async def test_a_search_finds_the_matching_runs_at_a_cost_independent_of_the_journal(
    name: str, journals: list[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, small = SEARCHES[name], journals[0].journal
    monkeypatch.setattr("journal.runs.run_search._FIRST_PART", 20)
    monkeypatch.setattr("journal.runs.run_search._FEW", 60)
    monkeypatch.setattr("journal.runs.run_search._FEW_SEARCHED", 10)
    monkeypatch.setattr("journal.runs.run_search._FEW_NAMED", 40)
    await the_same_work(lambda journal: journal.search.page("acme", wanted, 5), journals, 2.6)
    monkeypatch.setattr("journal.runs.run_search._MOST_LOOKED_AT", 100)
    monkeypatch.setattr("journal.runs.run_search._MOST_READ", 60)
    found: list[RunPosition] = []
    asked = wanted
    while True:
        page = await small.search.page("acme", asked, 7)
        found += [row.place(wanted.order) for row in page.rows]
        if page.following is None:
            break
        asked = replace(wanted, before=page.following)
    assert found == meant(wanted)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_search_that_reads_rows_looks_at_fewer_runs(
    journals: list[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.runs.run_search._FIRST_PART", 5)
    monkeypatch.setattr("journal.runs.run_search._MOST_READ", 10)
    newest = await journals[1].journal.search.page("acme", RunFilter(), 5)
    page = await journals[1].journal.search.page("acme", RunFilter(started_by="nobody"), 5)
    assert (page.rows, page.following) == ([], newest.rows[-1].place())


@pytest.mark.asyncio(loop_scope="module")
async def test_no_list_scans_a_table(
    journals: list[Counted],
) -> None:
    journal = journals[0].journal
    asked: list[tuple[str, Values]] = []
    ask = Readers.all

    async def noted(readers: Readers, sql: str, values: Values = ()) -> list[Any]:
        asked.append((sql, values))
        return await ask(readers, sql, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Readers, "all", noted)
        for wanted in FILTERS.values():
            await journal.runs.page("acme", wanted, 21)
        for wanted in SEARCHES.values():
            await journal.search.page("acme", wanted, 21)
        for every in LISTS.values():
            await every(journal)
    assert len(asked) >= len(FILTERS) + len(LISTS)
    for sql, values in asked:
        plan = [row[3] for row in await ask(journal._lists, f"EXPLAIN QUERY PLAN {sql}", values)]
        assert not {"SCAN runs", "SCAN r", "SCAN e"} & set(plan), sql


@pytest.mark.asyncio(loop_scope="module")
async def test_a_count_is_split_into_bounded_parts(
    journals: list[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.runs.selection._LOOKED_AT", 100)
    for counted, count in zip(journals, (SMALL, LARGE), strict=True):
        every = list(rows(count))[50:]
        for is_open in (True, False):
            meant = [
                RunPosition(row[5], row[0])
                for row in every
                if (row[6] is None) == is_open and (is_open or row[8] is None)
            ]
            found = await counted.journal.selection.count(
                "acme", RunFilter(), None, is_open=is_open
            )
            assert found.runs == len(meant)
            assert found.before
            assert found.before > max(meant)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_prefix_of_a_long_word_is_replaced_by_the_words_that_exist(
    journals: list[Counted],
) -> None:
    journal, asked = journals[0].journal, list[str]()
    for connection in journal._lists._connections:
        await connection.set_trace_callback(asked.append)
    for text in ("c-3 Invo\u00edc", "customers"):  # no word begins with "customers"
        await journal.search.page("acme", RunFilter(text=text), 5)
    for connection in journal._lists._connections:
        await connection.set_trace_callback(None)
    said = "\n".join(asked)
    assert '("invoice")' in said
    assert '"customers"*' in said
