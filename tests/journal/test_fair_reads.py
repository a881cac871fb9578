"""Reads that find no connection free wait in line by tenant."""

import asyncio
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from journal.readers import Readers

TENANT: ContextVar[str] = ContextVar("tenant", default="")


class Slow:
    """A connection that answers when it is let."""

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


async def test_one_read_comes_after_those_under_way_and_not_after_sixty() -> None:
    asked: list[str] = []
    slow = Slow(asked)
    readers = Readers(Path(), [slow], TENANT.get)  # type: ignore[list-item] # stands in
    many = [asyncio.ensure_future(read(readers, "busy")) for _ in range(64)]
    await asyncio.sleep(0)
    one = asyncio.ensure_future(read(readers, "quiet"))
    gone = asyncio.ensure_future(read(readers, "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    assert asked == ["busy"] * 2  # what it works on, and the next
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
