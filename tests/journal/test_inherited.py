"""Data of parent runs is read once for concurrent requests, and cached within a limit."""

import asyncio
from collections.abc import Awaitable

from engine import JsonObject, Parent
from journal.histories.inherited import Found, InheritedData


async def test_data_is_read_once_and_the_least_recently_used_is_evicted() -> None:
    reads: list[tuple[str, int, int]] = []

    async def load(run_id: str, execution: int, attempt: int) -> tuple[JsonObject, int]:
        reads.append((run_id, execution, attempt))
        await asyncio.sleep(0)
        return {"n": execution}, 40

    inherited = InheritedData(load, most_characters=100)

    def of(run_id: str, execution: int, attempt: int = 1) -> Awaitable[Found]:
        return inherited.of(Parent(run_id, "s", execution, attempt, 0, 0))

    found = await asyncio.gather(*(of("a", 1) for _ in range(5)))
    assert found == [({"n": 1}, 40)] * 5
    assert reads == [("a", 1, 1)]
    await of("a", 1, 2)
    await of("a", 1)
    await of("b", 3)  # evicts the second, the least recently used
    await of("a", 1)
    assert reads == [("a", 1, 1), ("a", 1, 2), ("b", 3, 1)]
    await of("a", 1, 2)
    assert reads[3:] == [("a", 1, 2)]
