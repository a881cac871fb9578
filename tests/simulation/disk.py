"""A database with moods: the journal's own SQL, on connections that wait, fail and crash.

The journal above is the product's, writer and group commit included; only the connections
are ours. They work on one SQLite database in memory, without a thread. A transaction of the
writer is never open across an await, so that readers see only what is committed; all that a
slow disk can do is done before BEGIN and after COMMIT, which comes to the same.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

from journal import Journal
from journal.database import migrations
from journal.readers import Readers
from journal.writer import Writer
from tests.simulation.loop import TaskGroup


@dataclass
class Moods:
    """How likely trouble is, for each operation; `crash_after` counts operations down."""

    slow: float = 0.2
    refuses: float = 0.0
    unknown: float = 0.0
    crash_after: int | None = None

    def calm(self) -> None:
        self.slow, self.refuses, self.unknown, self.crash_after = 0.1, 0.0, 0.0, None


class Life(TaskGroup):
    """One process: its tasks, and what ends it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.crashed = asyncio.Event()

    def crash(self) -> None:
        self.alive = False
        self.crashed.set()


@cache
def empty_database() -> bytes:
    """Give a database with the journal's schema and nothing in it."""
    with sqlite3.connect(":memory:", isolation_level=None) as connection:
        for script in migrations():
            connection.executescript(script)
        return connection.serialize()


class Disk:
    """What survives a crash, and what goes wrong with it."""

    def __init__(self, random: Random, moods: Moods, content: bytes | None = None) -> None:
        self.random = random
        self.moods = moods
        self.faults: dict[str, int] = {"refused": 0, "unknown": 0, "crash": 0}
        self.committed: Callable[[], None] = lambda: None
        self.trace: Callable[[str], None] = lambda line: None
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.deserialize(content or empty_database())
        self.database.execute("PRAGMA foreign_keys = ON")

    def journal(self, life: Life) -> Journal:
        """Give the product's journal as one life of the server sees this disk."""
        writer = Writer(Connection(self, life))  # type: ignore[arg-type]
        readers = Readers([Connection(self, life) for _ in range(2)])  # type: ignore[list-item]
        return Journal(SimpleNamespace(release=lambda: None), writer, readers)  # type: ignore[arg-type]

    async def wait(self, life: Life) -> None:
        """Take as long as a disk takes, or for ever when the process crashes here."""
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
    """What the journal uses of an aiosqlite connection."""

    def __init__(self, disk: Disk, life: Life) -> None:
        self._disk, self._life = disk, life
        self._writes = False

    @property
    def in_transaction(self) -> bool:
        return self._disk.database.in_transaction

    async def execute_fetchall(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        disk = self._disk
        self._must_live()
        if sql == "COMMIT":
            return await self._commit()
        if sql == "BEGIN IMMEDIATE" and not self._writes:
            await disk.wait(self._life)
            self._must_live()
            disk.refuse(disk.moods.refuses, "begin")
            self._writes = True
        elif self._writes:
            if sql.startswith("ROLLBACK") and " TO " not in sql:
                self._writes = False
            elif "SAVEPOINT" not in sql:
                disk.refuse(disk.moods.refuses / 4, "write")
        else:
            await disk.wait(self._life)
            self._must_live()
            disk.refuse(disk.moods.refuses, "read")
            rows = disk.database.execute(sql, values).fetchall()
            await disk.wait(self._life)
            return rows
        return disk.database.execute(sql, values).fetchall()

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._must_live()
        self._disk.refuse(self._disk.moods.refuses / 4, "write")
        self._disk.database.executemany(sql, rows)

    async def close(self) -> None:
        pass

    async def _commit(self) -> list[Any]:
        disk, random = self._disk, self._disk.random
        disk.refuse(disk.moods.refuses, "commit")
        disk.database.execute("COMMIT")
        self._writes = False
        disk.committed()
        if disk.moods.unknown and random.random() < disk.moods.unknown:
            disk.faults["unknown"] += 1
            disk.trace("disk: committed, but said to have failed")
            raise sqlite3.OperationalError("disk I/O error")
        await disk.wait(self._life)
        return []

    def _must_live(self) -> None:
        if not self._life.alive:
            raise sqlite3.ProgrammingError("this process has crashed")
