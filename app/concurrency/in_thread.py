"""Runs short blocking work (disk, libraries) in a few threads shared between tenants.

There are few threads, and each is busy until its work is done. If a tenant's work hangs, for
example on a slow disk, it holds at most some of them, and other tenants' work continues.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from app.concurrency.fair_queue import FairQueue
from app.concurrency.shield import shielded
from app.concurrency.tenant import current_tenant

T = TypeVar("T")

THREADS = 5
"""How many run at once; asyncio's own pool has at least one thread more, on two processors."""

_turns = FairQueue(THREADS)


async def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises.

    A thread cannot be stopped: the turn lasts until the work is done, even if nobody waits any
    more.
    """
    tenant = current_tenant()
    await _turns.wait(tenant, 1)
    return await shielded(_done(tenant, work))


async def _done(tenant: str, work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    finally:
        _turns.give(tenant, 1)
