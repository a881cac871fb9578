"""The concurrent calls of a model are divided among processes."""

import asyncio

from app.concurrency.fair_queue import FairQueue
from app.llm.turns import ModelTurns
from app.settings.llm import ModelDocument

MODEL = ModelDocument(provider="openai", model="m", maxConcurrent=5)


async def test_each_process_has_its_part_of_the_places_and_at_least_one() -> None:
    turns = ModelTurns(FairQueue(100))
    asked = 0
    over = asyncio.Event()

    async def ask() -> None:
        nonlocal asked
        async with turns.turn("", "m", MODEL, "tenant", holds_turn=False):
            asked += 1
            await over.wait()

    turns.share(2)
    tasks = [asyncio.create_task(ask()) for _ in range(8)]
    for processes, at_once in ((2, 2), (9, 2), (1, 5)):
        turns.share(processes)
        for _ in range(5):
            await asyncio.sleep(0)
        assert asked == at_once, processes
    over.set()
    await asyncio.gather(*tasks)
    asked = 0
    turns.share(9)
    over.clear()
    tasks = [asyncio.create_task(ask()) for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked == 1
    over.set()
    await asyncio.gather(*tasks)
