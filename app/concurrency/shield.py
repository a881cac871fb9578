"""Finishes work even if the code that waits for it is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Do the work. If the caller is cancelled, the work continues and its failure is ignored."""
    task = asyncio.ensure_future(work)
    waited_for = asyncio.shield(task)
    for future in (task, waited_for):  # a cancellation may come at the moment of the failure
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await waited_for
