"""The data that child runs inherit: read from the parent's history, cached for the next child.

The run of a body begins with the data that its parent has in the step that starts it. That data
stays unchanged during one attempt of the step, and the history up to there never changes. The
child's history therefore names the attempt instead of holding a copy. A child is deleted with its
parent, and never outlives it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from weakref import WeakValueDictionary

from engine import JsonObject, Parent

Found: TypeAlias = tuple[JsonObject, int]
"""The data, and how many characters were read for it."""

_Key: TypeAlias = tuple[str, int, int]

_MOST_CHARACTERS = 16_000_000


class InheritedData:
    """The data of parents by attempt of an execution; the least recently used is dropped first."""

    def __init__(
        self,
        load: Callable[[str, int, int], Awaitable[Found]],
        most_characters: int = _MOST_CHARACTERS,
    ) -> None:
        """Take the function that reads a run's data in an attempt of a step's nth execution."""
        self._load = load
        self._most = most_characters
        self._kept: OrderedDict[_Key, Found] = OrderedDict()
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()
        self._characters = 0

    async def of(self, place: Parent) -> Found:
        """Return a run's data in one attempt; concurrent callers share one read."""
        key = (place.run_id, place.execution, place.attempt)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            if key not in self._kept:
                return self._keep(key, await self._load(*key))
            self._kept.move_to_end(key)
            return self._kept[key]

    def _keep(self, key: _Key, found: Found) -> Found:
        if found[1] <= self._most:
            self._kept[key] = found
            self._characters += found[1]
        while self._characters > self._most:
            self._characters -= self._kept.popitem(last=False)[1][1]
        return found
