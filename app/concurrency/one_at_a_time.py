"""Lets repeated requests run one after the other, so the second finds what the first has done."""

import asyncio
from weakref import WeakValueDictionary


class OneAtATime:
    """One lock for each name that is in use."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()

    def of(self, *name: str) -> asyncio.Lock:
        """Return the lock of a name (`async with`); it is kept for as long as it is in use."""
        return self._locks.setdefault(name, asyncio.Lock())
