"""Runs short blocking work (disk, libraries) in a few threads shared between tenants.

There are few threads, and each is busy until its work is done. If a tenant's work hangs, for
example on a slow disk, it holds at most some of them, and other tenants' work continues.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from app.concurrency.fair_queue import FairQueue
from app.concurrency.shield import shielded
from app.concurrency.tenant import current_tenant

T = TypeVar("T")

THREADS = 5
"""How many run at once."""


class SharedThreads:
    """Some threads for one kind of work; no tenant ever has all of them."""

    def __init__(self, most: int, name: str) -> None:
        self._turns = FairQueue(most)
        self._threads = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises.

        A thread cannot be stopped: the turn lasts until the work is done, even if nobody waits any
        more.
        """
        tenant = current_tenant()
        await self._turns.wait(tenant, 1)
        return await shielded(self._done(tenant, work))

    def close(self) -> None:
        """Begin no more work."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _done(self, tenant: str, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, copy_context().run, work)
        finally:
            self._turns.give(tenant, 1)


_common = SharedThreads(THREADS, "work")


async def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises, as `SharedThreads.run` does."""
    return await _common.run(work)
