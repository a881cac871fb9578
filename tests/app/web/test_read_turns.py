"""Readers begin a few at a time, in the order in which they came, and are never kept waiting."""

import asyncio
import itertools
from functools import partial

from app.web.read_turns import ReadTurns

READER_S = 0.0001


async def test_readers_begin_a_few_in_an_iteration_and_more_after_long_work_of_others() -> None:
    now_s, begun = 0.0, list[int]()

    def begin(number: int) -> None:
        nonlocal now_s
        now_s += READER_S
        begun.append(number)

    turns = ReadTurns(lambda: now_s)

    def arrive(number: int) -> None:
        if turns.may_begin(0):
            begin(number)
        else:
            turns.later(0, partial(begin, number))

    async def counts() -> list[int]:
        """Return how many had begun after each iteration of the event loop, until all have."""
        found = [len(begun)]
        while len(begun) < 16:
            await asyncio.sleep(0)
            found.append(len(begun))
        return found

    for number in range(16):
        arrive(number)
    first = await counts()
    assert first[0] <= 4
    assert max(after - before for before, after in itertools.pairwise(first)) <= 4
    assert begun == list(range(16))
    await asyncio.sleep(0)
    begun.clear()
    now_s += 0.0049  # a large transaction, say
    for number in range(16):
        arrive(number)
    assert 12 <= len(begun) <= 13
    await counts()
    assert begun == list(range(16))


async def test_a_caller_with_one_request_does_not_come_after_another_with_many() -> None:
    now_s, begun = 0.0, list[int]()

    def begin(caller: int) -> None:
        nonlocal now_s
        now_s += READER_S
        begun.append(caller)

    turns = ReadTurns(lambda: now_s)
    assert turns.may_begin(1)
    for _ in range(60):
        turns.later(1, partial(begin, 1))
    now_s += READER_S * 10  # this iteration's slice is used
    assert not turns.may_begin(2)
    turns.later(2, partial(begin, 2))
    for _ in range(61):
        await asyncio.sleep(0)
    assert len(begun) == 61
    assert begun[:2] == [1, 2]
