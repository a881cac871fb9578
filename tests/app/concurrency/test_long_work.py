"""Long answers of a tenant are made one piece in an iteration of the loop."""

import asyncio
from collections import Counter

from app.concurrency.long_work import LongWork


class Answers:
    """Answers of many pieces; counts how many pieces an iteration has, by tenant."""

    def __init__(self) -> None:
        self.work = LongWork()
        self.made = Counter[str]()

    async def make(self, tenant: str, pieces: int) -> None:
        with self.work.of(tenant) as pause:
            for _ in range(pieces):
                self.made[tenant] += 1
                await pause()

    def begin(self, tenant: str, pieces: int) -> "asyncio.Task[None]":
        return asyncio.ensure_future(self.make(tenant, pieces))

    async def most_in_an_iteration(self, iterations: int) -> Counter[str]:
        most = Counter[str]()
        for _ in range(iterations):
            before = Counter(self.made)
            await asyncio.sleep(0)
            most |= self.made - before
        return most


async def test_of_many_answers_one_piece_is_made_in_an_iteration() -> None:
    answers = Answers()
    tasks = [answers.begin(tenant, 50) for tenant in ("a", "b") for _ in range(8)]
    await asyncio.sleep(0)  # the first piece of each
    assert await answers.most_in_an_iteration(200) == {"a": 1, "b": 1}
    await asyncio.gather(*tasks)
    assert answers.made == {"a": 400, "b": 400}
    assert not answers.work._lines
    assert not answers.work._under_way


async def test_an_answer_that_is_cancelled_stops_no_other() -> None:
    answers = Answers()
    tasks = [answers.begin("a", 50) for _ in range(8)]
    for task in tasks[:7]:
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [True] * 7 + [False]
    assert not answers.work._lines
    assert not answers.work._under_way


async def test_a_single_answer_waits_for_nothing() -> None:
    answers = Answers()
    task = answers.begin("a", 50)
    for _ in range(52):
        await asyncio.sleep(0)
    assert task.done(), "a piece in each iteration"
