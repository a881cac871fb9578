"""Loads libraries when they are first used: in a thread, and not at the cost of a step's timeout.

A large library takes a second to import, and longer on a small or busy machine. A step with a short
timeout would fail the first time after each start of the server, before it has done anything.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from app.concurrency.attempt_timeout import waiting_for_turn

T = TypeVar("T")


async def loaded(load: Callable[[], T]) -> T:
    """Return what `load` returns; meanwhile the timeout of the current attempt does not count."""
    with waiting_for_turn():
        return await asyncio.to_thread(load)
