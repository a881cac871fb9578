"""Data of parents: read once for all who ask at once, and kept within a bound."""

import asyncio

from engine import JsonObject
from journal.inherited import InheritedData


async def test_it_is_read_once_for_all_and_the_oldest_goes_first() -> None:
    reads: list[tuple[str, int]] = []

    async def load(run_id: str, execution: int) -> tuple[JsonObject, int]:
        reads.append((run_id, execution))
        await asyncio.sleep(0)
        return {"n": execution}, 40

    inherited = InheritedData(load, most_characters=100)
    found = await asyncio.gather(*(inherited.of("a", 1) for _ in range(5)))
    assert found == [({"n": 1}, 40)] * 5
    assert reads == [("a", 1)]
    await inherited.of("a", 2)
    await inherited.of("a", 1)
    await inherited.of("b", 3)  # in place of the second, which was not asked for since
    await inherited.of("a", 1)
    assert reads == [("a", 1), ("a", 2), ("b", 3)]
    await inherited.of("a", 2)
    assert reads[3:] == [("a", 2)]
