"""Short work that waits for a disk or is done by a library, in threads shared out by tenant.

Threads are few, and each stays busy until its work is done. A tenant whose work hangs, on a slow
disk for instance, holds some of them at most: that of others goes on.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from app.concurrency.fair_queue import FairQueue
from app.concurrency.shield import shielded
from app.concurrency.tenant import current_tenant

T = TypeVar("T")

THREADS = 5
"""So many at once; asyncio's own threads are one more, at least, on two processors."""

_turns = FairQueue(THREADS)


async def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` gives or raises.

    A thread cannot be stopped: the turn lasts as long as the work, whether or not anybody waits.
    """
    tenant = current_tenant()
    await _turns.wait(tenant, 1)
    return await shielded(_done(tenant, work))


async def _done(tenant: str, work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    finally:
        _turns.give(tenant, 1)
