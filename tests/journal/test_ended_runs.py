"""The cache of ended runs: never stale after a deletion, and separate for each tenant."""

import asyncio
from pathlib import Path

import pytest

from engine import Event, Run, RunStarted, RunTerminated, apply, fold
from journal import Journal, UnknownRun
from journal.histories.ended_runs import EndedRuns
from tests.harness.histories import append_events, start_run


async def ended(journal: Journal, number: int) -> Run:
    started = RunStarted(number, f"dynamic-workflow-{number}", "w", "1.0.0", "a", {})
    events: list[Event] = [started, RunTerminated(number, "enough")]
    run = fold(events)
    await start_run(journal, "acme", run, events)
    return run


async def test_a_run_that_has_not_ended_is_not_cached(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    started = RunStarted(1, "dynamic-workflow-1", "w", "1.0.0", "a", {})
    run = apply(None, started)
    head = await start_run(journal, "acme", run, [started])
    assert (await journal.events.run(run.id, "acme"))[1] == run
    over = RunTerminated(2, "enough")
    await append_events(journal, head, [over], apply(run, over))
    assert (await journal.events.run(run.id, "acme"))[1] == run
    await journal.close()


async def test_another_tenant_does_not_see_a_cached_run(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    run = await ended(journal, 1)
    assert (await journal.events.run(run.id, "acme"))[1] == run
    with pytest.raises(UnknownRun):
        await journal.events.run(run.id, "other")
    await journal.close()


async def test_a_deleted_run_is_not_cached_by_concurrent_reads(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    met = 0
    for number in range(1, 201):
        run = await ended(journal, number)

        async def read(run: Run = run, delay: int = number % 20) -> bool:
            for _ in range(delay):
                await asyncio.sleep(0)
            try:
                return (await journal.events.run(run.id))[1] == run
            except UnknownRun:
                return False

        reading = [asyncio.create_task(read()) for _ in range(3)]
        await journal.removal.delete("acme", run.id, 10)
        met += any(await asyncio.gather(*reading))
        with pytest.raises(UnknownRun):
            await journal.events.run(run.id)
    assert met > 0
    await journal.close()


def test_the_cache_is_bounded_and_skips_what_was_read_before_a_deletion() -> None:
    folds = EndedRuns[int]()
    for number in range(300):
        folds.keep(str(number), number, 10, folds.deletions)
        assert folds.get("0") == 0
    assert [number for number in range(300) if folds.get(str(number)) is None] == list(range(1, 45))
    folds.keep("long", 1, 10_000, folds.deletions)
    assert folds.get("long") is None
    before = folds.deletions
    with folds.deleting():
        pass
    folds.keep("late", 1, 10, before)
    assert folds.get("late") is folds.get("299") is None
