"""Work that is done to its end, also when whoever wants it is stopped."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Do the work; when this is cancelled, the work goes on, and its failure is nobody's."""
    task = asyncio.ensure_future(work)
    waited_for = asyncio.shield(task)
    for future in (task, waited_for):  # a cancel may come in the moment of the failure
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await waited_for
