"""Reads, writes and flushes that fail one after the other: acknowledged events are kept.

The outcome of a failed append is unknown: it may have been kept or not, but never in part.
"""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal import CannotOpen, Journal, RunFilter, Unavailable
from tests.harness.appending import (
    TENANT,
    checkpoint_often,
    fresh,
    load,
    losses,
    missing,
    opened,
)
from tests.harness.upkeep import maintenance
from tests.harness.vfs import (
    CANTOPEN,
    FULL,
    IOERR_FSYNC,
    IOERR_READ,
    IOERR_TRUNCATE,
    IOERR_WRITE,
    Disk,
    Fault,
    watched,
)

CASES = int(os.environ.get("STEPWELL_FAULT_CASES", "30"))
SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
DATABASE, WAL = "journal.sqlite3", "-wal"


def faults(chance: random.Random) -> Iterator[Fault]:
    """Yield faults of every kind in turn, once and repeated, at the first operation and later."""
    while True:
        for times in (1, chance.randrange(2, 6), None):
            yield Fault("write", chance.randrange(1, 60), FULL, times, WAL)
            yield Fault("write", chance.randrange(1, 60), FULL, times, WAL, partly=True)
            yield Fault("write", chance.randrange(1, 60), IOERR_WRITE, times, WAL)
            yield Fault("sync", chance.randrange(1, 8), IOERR_FSYNC, times, WAL)
            yield Fault("write", chance.randrange(1, 30), FULL, times, DATABASE)
            yield Fault("write", chance.randrange(1, 30), IOERR_WRITE, times, DATABASE)
            yield Fault("sync", 1, IOERR_FSYNC, times, DATABASE)
            yield Fault("read", chance.randrange(1, 6), IOERR_READ, times)


def places() -> Iterator[int]:
    """Yield the number of the operation to fail: each of the first ones, then ever fewer."""
    nth = 1
    while nth < 1_000:
        yield nth
        nth += 1 + nth // 4


async def fill(folder: Path) -> None:
    """Leave the files as after a kill: a copy made while the journal was in use."""
    at_work = folder / "at-work"
    with watched(at_work) as disk:
        async with opened(at_work) as journal:
            await load(journal, disk, random.Random(1), appends=60)
            ignored = shutil.ignore_patterns("*-shm", "*.lock")
            shutil.copytree(at_work, folder / "left", ignore=ignored)


async def read_all(journal: Journal) -> int:
    """Read every history that the disk allows; return how many could not be read."""
    failed = 0
    for row in await journal.runs.page(TENANT, RunFilter(), 1_000):
        try:
            await journal.events.run(row.run_id)
        except Unavailable:
            failed += 1
    return failed


async def under(fault: Fault, folder: Path, chance: random.Random) -> tuple[Disk, bool]:
    """Load a journal with the fault, then without it; return whether it ended the journal."""
    with watched(folder) as disk:
        async with opened(folder) as journal:
            checkpoint_often(journal, 40)
            assert await load(journal, disk, chance, appends=20) == []
            disk.fault = fault
            refused = await load(journal, disk, chance, appends=60, first=1_000)
            for _ in range(5):
                try:
                    await read_all(journal)
                except Unavailable:
                    continue
            disk.fault = None
            is_over = journal.health.is_over
            check_told(
                fault, refused=bool(refused), is_over=is_over, upkeep=maintenance(journal).failures
            )
            again = await load(journal, disk, chance, appends=20, first=2_000)
            assert bool(again) == is_over, (
                "it does not recover by itself, or continues after a failed flush"
            )
            assert await read_all(journal) == 0
            assert (journal.health.trouble is not None) == is_over
    return disk, is_over


def check_told(fault: Fault, *, refused: bool, is_over: bool, upkeep: int) -> None:
    """Check that callers were refused, unless the fault met a checkpoint, which can wait."""
    assert fault.fired or not refused, "an append failed by itself"
    if fault.fired and (fault.kind, fault.suffix) == ("write", WAL):
        assert refused or upkeep, "a failed write was acknowledged"
    if fault.suffix == WAL and fault.fired and fault.times is None:
        assert refused
    if fault.suffix == DATABASE:
        assert not refused, "a checkpoint that can wait kept somebody from writing"
    is_flush = (fault.kind, fault.suffix) == ("sync", WAL)
    assert is_over == (is_flush and refused) or (is_over and is_flush)


async def test_an_acknowledged_append_survives_every_fault(quick_path: Path) -> None:
    print(f"STEPWELL_SEED={SEED}, {CASES} cases")
    chance = random.Random(SEED)
    fired, over, cut_off = dict.fromkeys(("write", "sync", "read"), 0), 0, 0
    cases = faults(chance)
    for _ in range(CASES):
        fault, folder = next(cases), quick_path / "data"
        base = await fresh(folder)
        disk, is_over = await under(fault, folder, chance)
        assert await missing(folder, disk.ops) == [], fault
        fired[fault.kind] += fault.fired > 0
        over += is_over
        if fault.fired and fault.kind == "sync":
            places = [chance.randrange(len(disk.ops)) for _ in range(3)]
            assert await losses(quick_path / "cut", disk.ops, base, places, chance) == []
            cut_off += len(places)
        shutil.rmtree(folder)
    print(f"faults that fired: {fired}; ended: {over}; power cuts after a bad flush: {cut_off}")
    assert all([*fired.values(), over, cut_off])
    assert sum(fired.values()) > CASES / 2


async def start(folder: Path) -> None:
    """Start on a disk that may fail: it works, or is refused with advice on what to do."""
    try:
        async with opened(folder):
            return
    except CannotOpen as refused:
        reported = str(refused)
    assert "start again" in reported or "read and write" in reported


@pytest.mark.parametrize(("kind", "code"), [
    ("open", CANTOPEN), ("read", IOERR_READ), ("write", FULL), ("write", IOERR_WRITE),
    ("sync", IOERR_FSYNC), ("truncate", IOERR_TRUNCATE), ("delete", IOERR_WRITE),
])  # fmt: skip
async def test_a_first_start_that_fails_at_any_operation_can_be_repeated(
    quick_path: Path, kind: str, code: int
) -> None:
    for nth in places():
        folder = quick_path / str(nth)
        with watched(folder) as disk:
            disk.fault = Fault(kind, nth, code, times=None)
            await start(folder)
            fired, disk.fault = disk.fault.fired, None
            async with opened(folder) as journal:
                assert await load(journal, disk, random.Random(SEED), appends=10) == []
        assert await missing(folder, disk.ops) == []
        if not fired:
            assert nth > 1, "the fault never fired"
            return
    raise AssertionError("the fault fires for ever")


@pytest.mark.parametrize(("kind", "code"), [
    ("open", CANTOPEN), ("read", IOERR_READ), ("write", FULL), ("sync", IOERR_FSYNC),
])  # fmt: skip
async def test_a_start_after_a_kill_that_fails_at_any_operation_loses_nothing(
    quick_path: Path, kind: str, code: int
) -> None:
    await fill(quick_path)
    kept = await histories(quick_path / "left", quick_path / "kept")
    for nth in places():
        folder = quick_path / str(nth)
        shutil.copytree(quick_path / "left", folder)
        with watched(folder) as disk:
            disk.fault = Fault(kind, nth, code, times=None)
            await start(folder)
            fired = disk.fault.fired
        assert await histories(folder, quick_path / f"look-{nth}") == kept
        if not fired:
            assert nth > 1, "the fault never fired"
            return
    raise AssertionError("the fault fires for ever")


async def histories(folder: Path, copy: Path) -> dict[str, int]:
    """Return the length of each history in a copy of the folder."""
    shutil.copytree(folder, copy)
    async with opened(copy) as journal:
        rows = await journal.runs.page(TENANT, RunFilter(), 1_000)
        found = {row.run_id: (await journal.events.run(row.run_id))[0].seq for row in rows}
    assert found
    return found
