"""Reads queue by tenant while no connection is free; short reads run on the event loop."""

import asyncio
import sqlite3
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from journal import Unavailable
from journal.reading.near_reads import NearReads
from journal.reading.readers import Readers

TENANT: ContextVar[str] = ContextVar("tenant", default="")


class Slow:
    """A connection that answers when the test lets it."""

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked
        self.let: list[asyncio.Future[None]] = []

    async def execute_fetchall(self, _sql: str, values: Any) -> list[Any]:
        self._asked.append(values[0])
        self.let.append(asyncio.get_running_loop().create_future())
        await self.let[-1]
        return []

    def answer(self) -> None:
        next(turn for turn in self.let if not turn.done()).set_result(None)


async def read(readers: Readers, tenant: str) -> None:
    TENANT.set(tenant)
    await readers.all("", (tenant,))


async def test_a_tenants_only_read_does_not_wait_for_all_reads_of_another() -> None:
    asked: list[str] = []
    slow = Slow(asked)
    readers = Readers(Path(), [slow], TENANT.get)  # type: ignore[list-item] # a stand-in
    many = [asyncio.ensure_future(read(readers, "busy")) for _ in range(64)]
    await asyncio.sleep(0)
    one = asyncio.ensure_future(read(readers, "quiet"))
    gone = asyncio.ensure_future(read(readers, "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    assert asked == ["busy"] * 2  # the read in progress and the next one
    for _ in range(3):
        slow.answer()
        await asyncio.sleep(0.001)
    assert "quiet" in asked[:4]
    assert "gone" not in asked
    while len(asked) < 65:
        slow.answer()
        await asyncio.sleep(0)
    for task in (*many, one):
        task.cancel()
    await asyncio.gather(*many, one, gone, return_exceptions=True)
    assert len(readers._free) == 2


async def test_a_row_is_read_on_the_event_loop_while_reads_are_short(tmp_path: Path) -> None:
    """A slow disk moves such reads to the thread; the loop is tried again now and then."""
    file = tmp_path / "database"
    with sqlite3.connect(file) as written:
        written.execute("CREATE TABLE rows (key, value)")
        written.execute("INSERT INTO rows VALUES ('a', 1)")
    clock = Disk()
    near = NearReads(file, clock, lambda: clock.reads)
    readers = Readers(file, [Thread()], near=near)  # type: ignore[list-item] # a stand-in

    async def read() -> Any:
        return (await readers.by_key("SELECT value FROM rows WHERE key = ?", ("a",)))[0]

    assert await read() == 1
    clock.slow_s = 0.3  # the thread was not scheduled for a moment
    assert [await read() for _ in range(3)] == [1, 1, 1]
    clock.slow_s = 0.003
    assert [await read() for _ in range(30)] == [1] * 30, "nor was it the disk now"
    clock.is_disk = True
    assert [await read() for _ in range(8)][-1] == "thread"
    clock.now_s += 1
    assert [await read(), await read()] == [1, "thread"], "one is tried, and is still slow"
    clock.now_s += 1.5
    assert await read() == "thread", "not so soon again"
    clock.now_s, clock.slow_s = clock.now_s + 1, 0
    assert [await read() for _ in range(20)] == [1] * 20
    written.execute("BEGIN EXCLUSIVE")
    assert await read() == "thread", "it never waits for another connection"
    written.close()
    near.close()


class Thread:
    """A connection with its own thread."""

    async def execute_fetchall(self, _sql: str, _values: Any) -> list[Any]:
        return [("thread",)]


class Disk:
    """A clock that each read advances, and the number of reads that reached the disk."""

    def __init__(self) -> None:
        self.now_s = self.slow_s = 0.0
        self.is_disk = False
        self.reads = 0

    def __call__(self) -> float:
        self.now_s += self.slow_s
        self.reads += self.is_disk
        return self.now_s


async def test_a_query_with_a_bad_value_says_nothing_of_the_database() -> None:
    class Picky:
        async def execute_fetchall(self, _sql: str, values: Any) -> list[Any]:
            raise values[0]

    readers = Readers(Path(), [Picky()])  # type: ignore[list-item] # a stand-in
    for failure, trouble in ((ValueError("bad"), None), (sqlite3.OperationalError("gone"), "gone")):
        with pytest.raises(Unavailable, match=str(failure)):
            await readers.all("", (failure,))
        assert readers.last.trouble == trouble
