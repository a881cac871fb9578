"""What is kept of ended runs is never more than the journal has, and never another's."""

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


async def test_a_run_that_goes_on_is_read_each_time(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    started = RunStarted(1, "dynamic-workflow-1", "w", "1.0.0", "a", {})
    run = apply(None, started)
    head = await start_run(journal, "acme", run, [started])
    assert (await journal.events.run(run.id, "acme"))[1] == run
    over = RunTerminated(2, "enough")
    await append_events(journal, head, [over], apply(run, over))
    assert (await journal.events.run(run.id, "acme"))[1] == run
    await journal.close()


async def test_others_do_not_see_it(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    run = await ended(journal, 1)
    assert (await journal.events.run(run.id, "acme"))[1] == run
    with pytest.raises(UnknownRun):
        await journal.events.run(run.id, "other")
    await journal.close()


async def test_a_deleted_run_is_gone_whoever_was_reading_it(tmp_path: Path) -> None:
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


def test_few_short_folds_are_kept_and_none_that_was_read_over_a_deletion() -> None:
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
