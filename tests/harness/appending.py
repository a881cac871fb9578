"""Concurrent appends to a real journal, and a check of what was kept."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine import Event, JsonObject, Run, RunStarted, State, StepCompleted, StepStarted, apply
from journal import Head, Journal, RunFilter, Unavailable
from tests.harness.histories import append_events, start_run
from tests.harness.power import cuts, lay_out
from tests.harness.upkeep import maintenance
from tests.harness.vfs import Disk, Op

TENANT = "acme"
LONGEST = 40


@asynccontextmanager
async def opened(folder: Path, synchronous: str = "FULL") -> AsyncIterator[Journal]:
    """Open the journal in a folder, and close it at the end."""
    journal = await Journal.open(folder, synchronous=synchronous)
    try:
        yield journal
    finally:
        await journal.close()


def checkpoint_often(journal: Journal, frames: int) -> None:
    """Set a low number of frames per checkpoint, so that a short load has many checkpoints."""
    maintenance(journal).checkpoints.frames = frames
    maintenance(journal).look_every_s = 0


async def load(
    journal: Journal, disk: Disk, chance: random.Random, *, appends: int, first: int = 1
) -> list[Unavailable]:
    """Append from eight callers at once, recording each acknowledgement; return the failures.

    A caller whose append had an unknown outcome begins another run.
    """
    numbers, left = iter(range(first, first + appends + 1)), iter(range(appends))
    refused: list[Unavailable] = []

    async def caller() -> None:
        at: tuple[Run, Head] | None = None
        for _ in left:
            try:
                at = await _append(journal, chance, numbers, at)
            except Unavailable as failure:
                refused.append(failure)
                at = None
            else:
                disk.acknowledge((at[0].id, at[0].seq))
                at = at if at[0].seq < LONGEST else None

    await asyncio.gather(*(caller() for _ in range(8)))
    return refused


async def _append(
    journal: Journal, chance: random.Random, numbers: Iterator[int], at: tuple[Run, Head] | None
) -> tuple[Run, Head]:
    data: JsonObject = {"text": chance.randbytes(chance.randrange(20, 1_500)).hex()}
    event: Event
    if at is None:
        number = next(numbers)
        event = RunStarted(number, f"dynamic-workflow-{number}", "w", "1.0.0", "a", data)
        run = apply(None, event)
        return run, await start_run(journal, TENANT, run, [event])
    run, head = at
    if run.state is State.READY:
        event = StepStarted(run.updated_at_ms, "a", run.executions + 1, 1, "t")
    else:
        event = StepCompleted(run.updated_at_ms, "a", run.executions, data, {}, "a")
    run = apply(run, event)
    return run, await append_events(journal, head, [event], run)


def acknowledged(ops: Iterable[Op]) -> dict[str, int]:
    """Return the last acknowledged sequence number of each run."""
    return dict(op.ack for op in ops if op.kind == "ack")


async def missing(folder: Path, ops: Sequence[Op]) -> list[Any]:
    """Open the journal in `folder` and return what was acknowledged but is missing.

    Every history in it must be complete, and the database sound.
    """
    async with opened(folder) as journal:
        assert await journal._readers.all("PRAGMA quick_check") == [("ok",)]
        there = {}
        for row in await journal.runs.page(TENANT, RunFilter(), 10_000):
            head, run = await journal.events.run(row.run_id, TENANT)
            there[row.run_id] = head.seq
            assert (run.seq, row.status) == (head.seq, "running")
        return [
            (run_id, seq) for run_id, seq in acknowledged(ops).items() if there.get(run_id, 0) < seq
        ]


async def losses(
    folder: Path, ops: Sequence[Op], base: bytes, places: Sequence[int], chance: random.Random
) -> list[Any]:
    """Cut the power at each of the given places in a record; return the losses of each cut.

    `base` is the database before the record, `folder` where the remaining files are written.
    """
    found = []
    for at, files in cuts(ops, {"journal.sqlite3": base}, places, chance):
        lay_out(folder, files)
        lost = await missing(folder, ops[:at])
        if lost:
            found.append((at, lost))
    return found


async def fresh(folder: Path) -> bytes:
    """Create a journal in a folder, and return its database before anything is appended."""
    async with opened(folder):
        pass
    return (folder / "journal.sqlite3").read_bytes()
