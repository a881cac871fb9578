"""Power cuts at random moments of a real load: acknowledged events are on disk.

A record of every write and flush determines the possible states of the disk after a cut; each is
opened as a server would open it.
"""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

import journal.sqlite.reflush
from journal import Journal
from tests.harness.appending import checkpoint_often, fresh, load, losses, opened
from tests.harness.power import lay_out
from tests.harness.vfs import IOERR_FSYNC, Disk, Fault, Op, watched

STATES = int(os.environ.get("STEPWELL_POWER_STATES", "50"))
SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
DATABASE = "journal.sqlite3"


async def recorded(folder: Path, chance: random.Random, synchronous: str) -> tuple[Disk, bytes]:
    """Load a journal; return the record with the database as it was before."""
    base = await fresh(folder)
    with watched(folder) as disk:
        async with opened(folder, synchronous) as filled:
            checkpoint_often(filled, 150)
            assert await load(filled, disk, chance, appends=1_200) == []
    return disk, base


async def test_a_power_cut_loses_nothing_that_was_acknowledged(quick_path: Path) -> None:
    print(f"STEPWELL_SEED={SEED}, {STATES} states")
    chance = random.Random(SEED)
    disk, base = await recorded(quick_path / "data", chance, "FULL")
    done = [(op.kind, op.file) for op in disk.ops]
    assert done.count(("sync", DATABASE)) > 5, "no checkpoint was met"
    assert ("sync", f"{DATABASE}-wal") in done
    places = [chance.randrange(len(disk.ops)) for _ in range(STATES)]
    assert await losses(quick_path / "cut", disk.ops, base, places, chance) == []


async def test_the_cuts_detect_a_journal_that_does_not_flush(quick_path: Path) -> None:
    print(f"STEPWELL_SEED={SEED}")
    chance = random.Random(SEED)
    disk, base = await recorded(quick_path / "data", chance, "NORMAL")
    places = [chance.randrange(len(disk.ops)) for _ in range(40)]
    found = await losses(quick_path / "cut", disk.ops, base, places, chance)
    assert len(found) > 10
    print(f"NORMAL: {len(found)} of 40 states lost something acknowledged")


class Recording:
    """Replaces `os` in a module, and records its operations on files."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pwrite(self, handle: int, data: bytes, at: int) -> int:
        written = os.pwrite(handle, data, at)
        self.disk.note(Op("write", self.name(handle), at, data[:written]))
        return written

    def fsync(self, handle: int) -> None:
        began = len(self.disk.ops)
        os.fsync(handle)
        self.disk.note(Op("sync", self.name(handle), began=began))

    @staticmethod
    def name(handle: int) -> str:
        return Path(f"/proc/self/fd/{handle}").readlink().name


async def after_a_failed_flush(folder: Path, chance: random.Random) -> tuple[Disk, bytes, int]:
    """Load a journal until a flush fails, and again as the next process would.

    A second connection stays open meanwhile, so that closing the journal does not checkpoint. Returns
    the record, the database before it, and the place where the next process began.
    """
    first, second = folder / "first", folder / "second"
    base = await fresh(first)
    with watched(first) as disk:
        broken = await Journal.open(first)
        await load(broken, disk, chance, appends=chance.randrange(20, 60))
        disk.fault = Fault("sync", chance.randrange(1, 6), IOERR_FSYNC, suffix="-wal")
        refused = await load(broken, disk, chance, appends=100, first=1_000)
        assert disk.fault.fired == 1
        assert broken.health.is_over
        assert {str(failure) for failure in refused} == {
            "the journal is unavailable (the disk failed to flush); try again in a moment"
        }
        # Another process reads what the kernel holds, on disk or not.
        seen = {name: (first / name).read_bytes() for name in (DATABASE, f"{DATABASE}-wal")}
        ops = list(disk.ops)
        await broken.close()
    lay_out(second, seen)
    began = len(ops)
    with (
        watched(second) as disk,
        pytest.MonkeyPatch.context() as patch,
        closing(sqlite3.connect(second / DATABASE)) as bystander,
    ):
        disk.ops = ops
        bystander.execute("SELECT count(*) FROM events").fetchone()
        patch.setattr(journal.sqlite.reflush, "os", Recording(disk))
        async with opened(second) as filled:
            assert await load(filled, disk, chance, appends=60, first=2_000) == []
            ended = len(ops)
    del ops[ended:]
    return disk, base, began


async def test_after_a_failed_flush_the_next_start_flushes_again(quick_path: Path) -> None:
    print(f"STEPWELL_SEED={SEED}")
    for number in range(8):
        chance = random.Random(f"{SEED} {number}")
        disk, base, began = await after_a_failed_flush(quick_path / str(number), chance)
        places = [chance.randrange(began, len(disk.ops)) for _ in range(STATES // 20)]
        assert await losses(quick_path / "cut", disk.ops, base, places, chance) == []


async def test_without_a_second_flush_later_acknowledged_events_are_lost(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"STEPWELL_SEED={SEED}")
    monkeypatch.setattr("journal.sqlite.database.reflush", lambda _: None)
    # The checkpoint at the start would write what the -wal file only seems to hold to the database.
    monkeypatch.setattr("journal.sqlite.checkpoints.Checkpoints.make", AsyncMock(return_value=None))
    found: list[Any] = []
    for number in range(8):
        chance = random.Random(f"{SEED} {number}")
        disk, base, began = await after_a_failed_flush(quick_path / str(number), chance)
        places = [chance.randrange(began, len(disk.ops)) for _ in range(5)]
        found += await losses(quick_path / "cut", disk.ops, base, places, chance)
    assert found
    print(f"{len(found)} of 40 states lost something acknowledged")
