"""Wakes: runs that their owner is to look at, written by a process that is not their owner.

Any process takes a command for any run. It decides on the journal's state, and its append counts
only if no other process has appended first. The wake is written in the same transaction as the
append, so that no run is forgotten between the process that answers it and the one that carries it
on.
"""

from collections.abc import Collection, Sequence

from engine.value import value
from journal.processes.owners import shard_of
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.rows.run_projection import Statement
from journal.writing.writer import Writer

_INSERT = "INSERT INTO wakes (run, seq, shard) VALUES (?, ?, ?)"
_DELETE = "DELETE FROM wakes WHERE position = ?"
_PAGE = 500

WAITING = """
    SELECT count(*), (SELECT e.at_ms FROM wakes w
                      JOIN events e ON e.run = w.run AND e.seq = abs(w.seq)
                      ORDER BY w.position LIMIT 1)
    FROM wakes
"""
"""The query of `WakeTable.waiting`: a wake is as old as the event that it was written with."""


@value(frozen=True, slots=True)
class WakeRow:
    """A run to look at.

    Attributes:
        seq: The event after which its owner is to continue, with the step that it begins not yet
            begun; negative if its step was cut off there in an orderly stop; 0 if there may be news
            of its child runs.
    """

    position: int
    run_id: str
    seq: int


def wake(run: str, seq: int) -> Statement:
    """Return the statement, to be written with an append, that makes a run's owner check it."""
    number = run_number(run)
    return _INSERT, (number, seq, shard_of(number))


class WakeTable:
    """The wakes that no owner has heeded yet."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, runs: Collection[tuple[str, int]]) -> None:
        """Make owners check runs, each left at an event or 0; durable when this returns."""
        rows = [wake(*one)[1] for one in runs]
        await self._writer.write(lambda connection: connection.executemany(_INSERT, rows))

    async def of(self, shards: Collection[int]) -> list[WakeRow]:
        """Return the oldest wakes of some shards."""
        if not shards:
            return []
        listed = ", ".join(str(int(shard)) for shard in sorted(shards))
        rows = await self._readers.all(
            f"SELECT position, run, seq FROM wakes WHERE shard IN ({listed})"
            f" ORDER BY position LIMIT {_PAGE}"
        )
        return [WakeRow(position, run_id(run), seq) for position, run, seq in rows]

    async def waiting(self) -> tuple[int, int | None]:
        """Return how many wakes no owner has heeded yet, and since when the oldest waits."""
        count, oldest_ms = await self._readers.one(WAITING)
        return int(count), None if oldest_ms is None else int(oldest_ms)

    async def left_at(self, run: str, seq: int) -> int:
        """Return `seq` or `-seq` if a wake that is not heeded yet says so, else 0."""
        row = await self._readers.one(
            "SELECT max(seq) FROM wakes WHERE run = ? AND seq IN (?, ?)",
            (run_number(run), seq, -seq),
        )
        return 0 if row is None or row[0] is None else int(row[0])

    async def forget(self, rows: Sequence[WakeRow]) -> None:
        """Forget wakes, durable when this returns."""
        values = [(row.position,) for row in rows]
        await self._writer.write(lambda connection: connection.executemany(_DELETE, values))
