"""Loads libraries when they are first used: in a thread, and not at the cost of a step's timeout.

A large library takes a second to import, and longer on a small or busy machine. A step with a short
timeout would fail the first time after each start of the server, before it has done anything.
"""

import asyncio
import gc
import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from app.concurrency.attempt_timeout import waiting_for_turn

T = TypeVar("T")


async def loaded(load: Callable[[], T]) -> T:
    """Return what `load` returns; meanwhile the timeout of the current attempt does not count."""
    with waiting_for_turn():
        return await asyncio.to_thread(partial(_kept, load))


def _kept(load: Callable[[], T]) -> T:
    before = len(sys.modules)
    made = load()
    if len(sys.modules) > before:
        # Libraries for models have 90,000 objects. They stay, and a full collection that scans them
        # would block the event loop for some 50 ms.
        gc.freeze()
    return made
