"""A -wal file that is cut, flipped or followed by garbage opens as a prefix of the commits.

Every transaction here appends to the same run, so the length of its history shows which
transactions are there.
"""

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

from engine import Run, RunStarted, StepCompleted, StepStarted, apply
from journal import Journal
from tests.harness.appending import TENANT, opened
from tests.harness.histories import append_events, start_run
from tests.harness.power import lay_out

CASES = int(os.environ.get("STEPWELL_WAL_CASES", "250"))
SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
DATABASE, WAL = "journal.sqlite3", "journal.sqlite3-wal"
RUN = "dynamic-workflow-1"
HEADER, FRAME_HEADER = 32, 24


async def committed(folder: Path, chance: random.Random) -> tuple[bytes, bytes, list[int]]:
    """Append events one by one; return the files, and the size of the -wal file after each."""
    journal = await Journal.open(folder)
    event = RunStarted(1, RUN, "w", "1.0.0", "a", {})
    run: Run = apply(None, event)
    head = await start_run(journal, TENANT, run, [event])
    sizes = [(folder / WAL).stat().st_size]
    for number in range(1, 80):
        text = chance.randbytes(chance.randrange(20, 3_000)).hex()
        step: StepStarted | StepCompleted = (
            StepStarted(number, "a", run.executions + 1, 1, "t")
            if number % 2
            else StepCompleted(number, "a", run.executions, {"text": text}, {}, "a")
        )
        run = apply(run, step)
        head = await append_events(journal, head, [step], run)
        sizes.append((folder / WAL).stat().st_size)
    files = (folder / DATABASE).read_bytes(), (folder / WAL).read_bytes()
    await journal.close()
    assert sizes == sorted(set(sizes)), "the -wal file was started again"
    return *files, sizes


def frame_edges(wal: bytes) -> list[int]:
    (page,) = struct.unpack_from(">I", wal, 8)
    return [*range(HEADER, len(wal) + 1, FRAME_HEADER + page)]


def cut(wal: bytes, chance: random.Random) -> Iterator[tuple[bytes, int, bool]]:
    """Yield damaged files, the length of their intact part, and whether only that part counts."""
    edges = frame_edges(wal)
    for edge in edges:
        yield wal[:edge], edge, True
    while True:
        at = chance.choice(edges) + chance.choice((-512, -24, -8, -1, 1, 8, 24, 512))
        at = min(max(at, 0), len(wal))
        yield wal[:at], at, True
        at = chance.randrange(len(wal))
        yield wal[:at], at, True
        flipped = bytearray(wal)
        flipped[at] ^= 1 << chance.randrange(8)
        yield bytes(flipped), at, False
        yield wal[:at] + bytes(len(wal) - at), at, False
        yield wal[:at] + chance.randbytes(chance.randrange(1, 20_000)), at, True


async def length(folder: Path) -> int:
    """Open the journal; return the length of the run's history, which must be complete."""
    async with opened(folder) as journal:
        assert await journal._readers.all("PRAGMA quick_check") == [("ok",)]
        if await journal.runs.last_number() == 0:
            return 0
        head, run = await journal.events.run(RUN, TENANT)
        assert head.seq == run.seq
        return head.seq


async def test_a_damaged_wal_opens_as_a_prefix_of_the_commits(quick_path: Path) -> None:
    print(f"STEPWELL_SEED={SEED}, {CASES} cases")
    chance = random.Random(SEED)
    database, wal, sizes = await committed(quick_path / "data", chance)
    seen = set()
    cases = cut(wal, chance)
    for number in range(CASES):
        damaged, whole, exactly = next(cases)
        lay_out(quick_path / "cut", {DATABASE: database, WAL: damaged})
        found = await length(quick_path / "cut")
        sure = sum(size <= whole for size in sizes)
        # A flip outside any checksum, or zeros in place of zeros, may do no harm.
        assert found == sure if exactly else sure <= found <= len(sizes), (number, whole)
        seen.add(found)
    assert len(seen) > 25
