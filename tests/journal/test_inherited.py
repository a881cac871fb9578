"""Data of parents: read once for all who ask at once, and kept within a bound."""

import asyncio
from collections.abc import Awaitable

from engine import JsonObject, Parent
from journal.histories.inherited import Found, InheritedData


async def test_it_is_read_once_for_all_and_the_oldest_goes_first() -> None:
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
    await of("b", 3)  # in place of the second, which was not asked for since
    await of("a", 1)
    assert reads == [("a", 1, 1), ("a", 1, 2), ("b", 3, 1)]
    await of("a", 1, 2)
    assert reads[3:] == [("a", 1, 2)]
