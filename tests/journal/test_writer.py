"""When the writer begins a transaction, and how short it takes transactions to be."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from journal.writing.transaction import Task, Transaction
from journal.writing.writer import Writer

MS = 0.001


class Disk:
    """A connection on which each transaction takes a given time, on a clock of its own."""

    def __init__(self, *took_s: float) -> None:
        self.now_s = 0.0
        self.sizes: list[int] = []
        self._took_s = took_s

    async def transact(self, work: Transaction, rows: int) -> Sequence[Any]:
        self.now_s += self._took_s[len(self.sizes) % len(self._took_s)]
        self.sizes.append(rows)
        return work.results_of_rows()

    async def close(self) -> None:
        """Do nothing: there is no file."""

    def displaced(self) -> None:
        """Return that nothing has replaced the file."""

    def writer(self) -> Writer:
        return Writer(self, lambda _: None, self, now_s=lambda: self.now_s)


async def write(disk: Disk, writer: Writer, tenant: str, times: int, turns: int = 0) -> None:
    """Write again and again; before each write, compute for so many turns of the event loop."""
    for _ in range(times):
        for _ in range(turns):
            disk.now_s += 0.06 * MS
            await asyncio.sleep(0)
        done = asyncio.get_running_loop().create_future()
        writer.submit(Task(lambda _: None, done.set_result, tenant))
        await done


@pytest.mark.parametrize(("tenants", "gather"), [("ab", True), ("aa", False)])
async def test_writes_of_several_tenants_gather_while_they_compute(
    tenants: str, gather: bool
) -> None:
    disk = Disk(0.5 * MS)
    writer = disk.writer()
    await asyncio.gather(
        *(write(disk, writer, tenants[turns % 2], 30, turns) for turns in range(3, 11))
    )
    await writer.close()
    assert sum(disk.sizes) == 240
    assert (len(disk.sizes) < 100) == gather, "otherwise each has a flush for nearly every write"


async def test_transactions_that_waited_for_something_else_do_not_make_others_longer() -> None:
    disk = Disk(0.5 * MS, 9 * MS)
    writer = disk.writer()
    await write(disk, writer, "a", 200)
    assert writer._queue.quick_s < 1.5 * MS
    await writer.close()


class Turns:
    """An event loop on which others have always computed; notes what the writer does about it."""

    is_clear = False

    def __init__(self, disk: Disk) -> None:
        self.seen = list[tuple[str, int]]()
        self._disk = disk

    async def clear(self) -> None:
        self.seen.append(("clear", len(self._disk.sizes)))

    def over(self) -> None:
        self.seen.append(("over", len(self._disk.sizes)))


async def test_a_transaction_waits_until_the_loop_is_clear_and_says_when_it_is_over() -> None:
    disk = Disk(0.5 * MS)
    writer = disk.writer()
    writer.turns = turns = Turns(disk)
    await write(disk, writer, "a", 2)
    await writer.close()
    assert turns.seen[:4] == [("clear", 0), ("over", 1), ("clear", 1), ("over", 2)]
