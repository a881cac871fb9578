"""Computing that takes long, done beside the event loop.

One thread: it takes turns with the loop's own every few milliseconds, and a second one would
only make the loop wait for two. What runs here must not wait, and must not evaluate
expressions (MiniJinja's environment is the loop's own).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.concurrency.fair_queue import FairQueue
from app.concurrency.tenant import current_tenant

T = TypeVar("T")

LONG_BYTES = 64 * 1024
"""Texts from this length on are worth the way to the thread and back."""

_turns = FairQueue(2)
"""What the thread works on, and what it does next."""

_thread = ThreadPoolExecutor(1, thread_name_prefix="aside")


async def offload(work: Callable[[], T]) -> T:
    """Return what `work` gives or raises; the loop serves others meanwhile.

    Tenants take turns: one with much to do leaves the thread to another after its next piece.
    """
    async with _turns.turn(current_tenant()):
        return await asyncio.get_running_loop().run_in_executor(_thread, work)
