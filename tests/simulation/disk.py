"""A simulated disk: the journal's own SQL, on connections that wait, fail and crash.

The journal is the product's, including writer and group commit; only the connections are
simulated. They use one SQLite database in memory, without a thread. A transaction of the writer is
one call, so readers see only committed data; delays and faults happen before BEGIN and after
COMMIT.
"""

import asyncio
import sqlite3
import weakref
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar

from journal import Journal
from journal.parts import Parts
from journal.reading.readers import Readers
from journal.sqlite.database import migrations
from journal.sqlite.maintenance import Maintenance
from journal.writing.writer import Writer
from tests.simulation.loop import TaskGroup

T = TypeVar("T")


@dataclass
class Moods:
    """Probabilities of delays and faults per operation; `crash_after` counts operations down."""

    slow: float = 0.2
    refuses: float = 0.0
    unknown: float = 0.0
    crash_after: int | None = None

    def calm(self) -> None:
        self.slow, self.refuses, self.unknown, self.crash_after = 0.1, 0.0, 0.0, None


class Life(TaskGroup):
    """One process: its tasks, and the event that ends it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.crashed = asyncio.Event()

    def crash(self) -> None:
        self.alive = False
        self.crashed.set()


class InPlace:
    """A database that is never moved."""

    def displaced(self) -> None:
        return None


async def _no_sizes() -> tuple[int, int]:
    return 0, 0


async def _no_upkeep(_: object) -> None:
    """Do nothing: there is no file to maintain."""


@cache
def empty_database() -> bytes:
    """Return an empty database with the journal's schema."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection, connection:
        for script in migrations():
            connection.executescript(script)
        return connection.serialize()


class Disk:
    """The data that survives a crash, and the faults to inject."""

    def __init__(self, random: Random, moods: Moods, content: bytes | None = None) -> None:
        self.random = random
        self.moods = moods
        self.faults: dict[str, int] = {"refused": 0, "unknown": 0, "crash": 0}
        self.committed: Callable[[], None] = lambda: None
        self.trace: Callable[[str], None] = lambda line: None
        self.database = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )  # the garbage collector may close it in any thread
        weakref.finalize(self, self.database.close)
        self.database.deserialize(content or empty_database())
        self.database.execute("PRAGMA foreign_keys = ON")

    def journal(self, life: Life) -> Journal:
        """Return the product's journal for one life of the server on this disk."""
        file = Path("simulated.sqlite3")
        time = asyncio.get_running_loop().time
        writer = Writer(Connection(self, life), _no_upkeep, InPlace(), now_s=time)
        readers = Readers(file, [Connection(self, life) for _ in range(2)])
        lock = SimpleNamespace(release=lambda: None)
        parts = Parts(
            writer,
            readers,
            readers,
            Maintenance(file),
            _no_sizes,
            lambda: nullcontext(self.database),
        )
        return Journal(lock, file, parts)  # type: ignore[arg-type] # stand-ins for the real files

    async def wait(self, life: Life) -> None:
        """Wait as a slow disk does, or forever if the process crashes here."""
        moods, random = self.moods, self.random
        if moods.crash_after is not None:
            moods.crash_after -= 1
            if moods.crash_after < 0:
                await self.crash(life)
        if random.random() < moods.slow:
            await asyncio.sleep(random.choice((0, 0, 0.001, 0.01, 0.1, 1.5)))

    async def crash(self, life: Life) -> None:
        self.moods.crash_after = None
        if life.alive:
            self.faults["crash"] += 1
            life.crash()
        await asyncio.get_running_loop().create_future()

    def refuse(self, chance: float, what: str) -> None:
        if chance and self.random.random() < chance:
            self.faults["refused"] += 1
            self.trace(f"disk: {what} refused")
            raise sqlite3.OperationalError("disk I/O error")


class Connection:
    """The part of an aiosqlite connection that the journal uses."""

    def __init__(self, disk: Disk, life: Life) -> None:
        self._disk, self._life = disk, life

    async def execute_fetchall(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        disk = self._disk
        self._must_live()
        await disk.wait(self._life)
        self._must_live()
        disk.refuse(disk.moods.refuses, "read")
        rows = disk.database.execute(sql, values).fetchall()
        await disk.wait(self._life)
        return rows

    async def transact(self, work: Callable[["Raw"], T], _rows: int) -> T:
        self._must_live()
        await self._disk.wait(self._life)
        self._must_live()
        answer = work(Raw(self._disk))
        await self._disk.wait(self._life)
        return answer

    async def close(self) -> None:
        pass

    def _must_live(self) -> None:
        if not self._life.alive:
            raise sqlite3.ProgrammingError("this process has crashed")


class Raw:
    """The part of the raw connection that the writer uses, without an await in between."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    @property
    def in_transaction(self) -> bool:
        return self._disk.database.in_transaction

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        disk, moods = self._disk, self._disk.moods
        if sql == "COMMIT":
            return self._commit()
        if sql == "BEGIN IMMEDIATE":
            disk.refuse(moods.refuses, "begin")
        elif "SAVEPOINT" not in sql and not sql.startswith("R"):
            disk.refuse(moods.refuses / 4, "write")
        return disk.database.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        self._disk.refuse(self._disk.moods.refuses / 4, "write")
        return self._disk.database.executemany(sql, rows)

    def _commit(self) -> sqlite3.Cursor:
        disk = self._disk
        disk.refuse(disk.moods.refuses, "commit")
        done = disk.database.execute("COMMIT")
        disk.committed()
        if disk.moods.unknown and disk.random.random() < disk.moods.unknown:
            disk.faults["unknown"] += 1
            disk.trace("disk: committed, but said to have failed")
            raise sqlite3.OperationalError("disk I/O error")
        return done
