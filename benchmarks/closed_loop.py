"""A closed loop: each caller sends its next request when the previous one is answered.

Uses only the standard library, since it also runs inside systems that are libraries. A load is
bounded by seconds and count, and hanging runs are abandoned after `GRACE_S`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

Call = Callable[[], Awaitable[None]]
Connect = Callable[[], AbstractAsyncContextManager[Call]]

GRACE_S = 10.0
"""How long answers are waited for after the last request."""


@dataclass(slots=True)
class Load:
    """The result of a load.

    Attributes:
        completed: Runs that ended while requests were being sent.
        seconds: How long requests were sent.
        answered: All runs that ended, including those in flight at the end.
        unfinished: Runs abandoned `GRACE_S` after the last request.
    """

    callers: int
    completed: int
    seconds: float
    answered: int
    unfinished: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.completed / self.seconds if self.seconds else 0.0


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def closed_loop(connect: Connect, callers: int, seconds: float, most: int) -> Load:
    """Send for `seconds`, longer until every caller has two answers; `most` requests at most.

    A request that fails ends the load with its exception.
    """
    latencies: list[float] = []
    began = time.perf_counter()
    sent = 0
    stopped_at = 0.0

    def goes_on() -> bool:
        now = time.perf_counter()
        enough = now - began >= seconds and len(latencies) >= 2 * callers
        return not enough and sent < most and now - began < seconds + GRACE_S

    async def caller() -> None:
        nonlocal sent
        async with connect() as call:
            while not stopped_at and goes_on():
                sent += 1
                at = time.perf_counter()
                await call()
                latencies.append(time.perf_counter() - at)
            stop()

    completed = 0

    def stop() -> None:
        nonlocal stopped_at, completed
        if not stopped_at:
            stopped_at, completed = time.perf_counter(), len(latencies)

    tasks = [asyncio.create_task(caller()) for _ in range(callers)]
    _, late = await asyncio.wait(
        tasks, timeout=seconds + 2 * GRACE_S, return_when=asyncio.FIRST_EXCEPTION
    )
    for task in late:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    stop()
    latencies.sort()
    return Load(
        callers=callers,
        completed=completed,
        seconds=stopped_at - began,
        answered=len(latencies),
        unfinished=len(late),
        p50_ms=quantile(latencies, 0.50) * 1_000,
        p99_ms=quantile(latencies, 0.99) * 1_000,
    )
