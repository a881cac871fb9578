"""A step's timeout is paused while the step waits for a shared resource."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.concurrency.attempt_timeout import AttemptTimeout, limit_here, waiting_for_turn
from app.concurrency.fair_queue import FairQueue
from app.concurrency.first_use import loaded

SHORT_S = 0.05


@contextmanager
def begun(limit: AttemptTimeout) -> Iterator[None]:
    """Start a limit for the current task, as an attempt does."""
    task = asyncio.current_task()
    assert task is not None
    limit_here.set(limit)
    limit.begin(task)
    try:
        yield
    except BaseException as failed:
        limit.end(failed)
        raise
    limit.end(None)


async def test_a_wait_for_a_turn_does_not_use_up_the_timeout() -> None:
    queue = FairQueue(1)
    await queue.wait("other", 1)

    async def step() -> str:
        with begun(AttemptTimeout(SHORT_S)):
            async with queue.turn("mine"):
                return "acted"

    waiting = asyncio.create_task(step())
    await asyncio.sleep(4 * SHORT_S)
    assert (queue.waiting, waiting.done()) == (1, False)
    queue.give("other", 1)
    assert await waiting == "acted"


async def test_loading_a_library_does_not_use_up_the_timeout() -> None:
    with begun(AttemptTimeout(SHORT_S)):
        await loaded(lambda: time.sleep(4 * SHORT_S))


async def test_the_remaining_time_is_unchanged_by_a_wait() -> None:
    queue = FairQueue(1)
    await queue.wait("other", 1)
    limit = AttemptTimeout(4 * SHORT_S)

    async def step() -> None:
        with begun(limit):
            await asyncio.sleep(SHORT_S)
            async with queue.turn("mine"):
                await asyncio.sleep(3_600)

    waiting = asyncio.create_task(step())
    await asyncio.sleep(8 * SHORT_S)
    came = list[str]()
    asyncio.get_running_loop().call_later(SHORT_S / 2, came.append, "a part of what is left")
    queue.give("other", 1)
    async with asyncio.timeout(60):
        with pytest.raises(TimeoutError):
            await waiting
    assert limit.expired
    assert came, "the wait has used up the timeout"


async def test_work_in_a_subtask_uses_up_the_timeout() -> None:
    async def act() -> None:
        with waiting_for_turn():
            await asyncio.sleep(0)
        await asyncio.sleep(3_600)

    limit = AttemptTimeout(SHORT_S)
    with pytest.raises(TimeoutError), begun(limit):
        await asyncio.create_task(act())
    assert limit.expired


async def test_simultaneous_waits_pause_the_timeout_together() -> None:
    async def wait(seconds: float) -> None:
        with waiting_for_turn():
            await asyncio.sleep(seconds)

    with begun(AttemptTimeout(SHORT_S)):
        await asyncio.gather(wait(SHORT_S), wait(3 * SHORT_S))


async def test_a_wait_that_outlives_its_attempt_changes_nothing() -> None:
    left = asyncio.Event()

    async def wait() -> None:
        with waiting_for_turn():
            await left.wait()

    with begun(AttemptTimeout(SHORT_S)):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
    left.set()
    await waiting


async def test_a_wait_without_a_timeout_or_an_attempt_has_no_effect() -> None:
    with waiting_for_turn():
        await asyncio.sleep(0)
    with begun(AttemptTimeout(None)), waiting_for_turn():
        await asyncio.sleep(0)


async def test_with_little_greed_the_last_place_is_kept_for_another_tenant() -> None:
    queue = FairQueue(3, greed=1)
    for _ in range(2):
        await queue.wait("many", 1)
    third = asyncio.create_task(queue.wait("many", 1))
    await asyncio.sleep(0)
    await asyncio.wait_for(queue.wait("one", 1), 5)
    assert not third.done()
    queue.give("many", 1)
    await asyncio.sleep(0)
    assert not third.done()
    queue.give("one", 1)
    await asyncio.wait_for(third, 5)
