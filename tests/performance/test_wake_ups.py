"""Resuming a waiting run reads a constant number of rows, however long its history is."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pytest

from engine import (
    Event,
    Run,
    RunStarted,
    RunTerminated,
    StepCompleted,
    StepSlept,
    StepStarted,
    apply,
)
from journal import Corrupt, Head, Journal, UnknownRun
from journal.histories.long_runs import LongRuns
from tests.harness.histories import append_events, start_run

RUN = "dynamic-workflow-1"


def waits(first: int, count: int) -> list[Event]:
    """Return the events of this many visits of a waiting step that leads to itself."""
    found: list[Event] = []
    for visit in range(first, first + count):
        at = (visit, "nap", visit)
        found += [StepSlept(*at, visit + 1), StepCompleted(*at, None, {}, "nap"), entry(visit + 1)]
    return found


def entry(visit: int) -> StepStarted:
    return StepStarted(visit, "nap", visit, 1, "wait")


class Counted:
    """A journal that counts the rows it reads."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.rows = 0
        ask: Callable[..., Awaitable[Any]] = journal._readers.all

        async def counted(*asked: Any) -> Any:
            rows = list(await ask(*asked))
            self.rows += len(rows)
            return rows

        near = journal._readers._near
        assert near is not None
        read = near.row

        def counted_row(*asked: Any) -> Any:
            row = read(*asked)
            self.rows += row is not None
            return row

        vars(journal._readers)["all"] = counted
        vars(near)["row"] = counted_row

    async def wake(self) -> int:
        """Read the run as a wake-up does; return the number of rows read."""
        before = self.rows
        await self.journal.events.run(RUN)
        return self.rows - before


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(folder)
    try:
        yield journal
    finally:
        await journal.close()


async def append(
    journal: Journal, events: Sequence[Event], at: tuple[Head, Run]
) -> tuple[Head, Run]:
    run = reduce(apply, events, at[1].copy())
    return await append_events(journal, at[0], events, run), run


async def begin(journal: Journal) -> tuple[Head, Run]:
    events: list[Event] = [RunStarted(1, RUN, "w", "1.0.0", "nap", {}), entry(1)]
    run = apply(apply(None, events[0]), events[1])
    return await start_run(journal, "acme", run, events), run


async def test_a_wake_up_costs_the_same_after_20_and_2000_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        at, counted = await begin(journal), Counted(journal)
        at = await append(journal, waits(1, 20), at)
        few = await counted.wake()
        at = await append(journal, waits(21, 1_980), at)
        assert (few, await counted.wake()) == (1, 1)
    async with opened(tmp_path) as journal:
        counted = Counted(journal)
        whole, again = await counted.wake(), await counted.wake()
        assert (whole > 2_000, again) == (True, 1), "read once after a start"
        assert await journal.events.run(RUN) == at


async def test_a_long_ended_run_is_read_once_and_not_again_for_its_deletion(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as journal:
        at, counted = await append(journal, waits(1, 500), await begin(journal)), Counted(journal)
        ended = await append(journal, [RunTerminated(600)], at)
        assert await counted.wake() == 1
        assert await journal.events.run(RUN, "acme") == ended
        await journal.removal.delete("acme", RUN, 10)
        with pytest.raises(UnknownRun):
            await journal.events.run(RUN)
    async with opened(tmp_path / "again") as journal:
        await append(journal, [*waits(1, 500), RunTerminated(600)], await begin(journal))
        journal.events._long.forget(RUN)
        counted = Counted(journal)
        assert (await counted.wake() > 500, await counted.wake()) == (True, 1)


async def test_a_cached_run_is_used_only_while_it_matches_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        head, run = await append(journal, waits(1, 20), await begin(journal))
        stale = Head(RUN, "acme", head.seq, b"other")
        journal.events._long.keep(RUN, lambda: (stale, run), head.seq, 1)
        assert (await journal.events.run(RUN))[0] == head

        def change(connection: Any) -> None:
            connection.execute("UPDATE events SET body = '{}' WHERE seq = 4")
            connection.execute("UPDATE runs SET head = x'00'")

        await journal._writer.write(change)
        with pytest.raises(Corrupt):
            await journal.events.run(RUN)


def test_the_cache_is_bounded() -> None:
    runs = LongRuns[str](most_characters=100)
    for name in "abc":
        runs.keep(name, partial(str, name), 50, 40)
    assert [runs.get(name) for name in "abc"] == [None, "b", "c"]
    runs.keep("b", lambda: "b again", 51, 90)
    assert [runs.get(name) for name in "abc"] == [None, "b again", None]
    runs.keep("short", lambda: "short", 3, 1)
    runs.forget("b")
    assert [runs.get(name) for name in ("short", "b")] == [None, None]
    runs.keep("huge", lambda: "huge", 50, 101)
    assert runs.get("huge") is None
