"""Requests that repeat one another take turns: the second finds what the first has done."""

import asyncio
from weakref import WeakValueDictionary


class OneAtATime:
    """A lock for each name that somebody uses now."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()

    def of(self, *name: str) -> asyncio.Lock:
        """Return the lock of a name: `async with`; it is kept for as long as somebody has it."""
        return self._locks.setdefault(name, asyncio.Lock())
