"""What child runs have of their parent's data: found in its history, kept for the next of them.

The run of a body begins with the data that its parent has in the step that starts it. While the
parent is in that step its data stays as it is, and its history up to there never changes; so the
child's history names the visit, and has no copy. A child is deleted with its parent, and never
outlives it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from weakref import WeakValueDictionary

from engine import JsonObject

Found: TypeAlias = tuple[JsonObject, int]
"""The data, and how many characters were read for it."""

_MOST_CHARACTERS = 16_000_000


class InheritedData:
    """The data of parents by run and execution; what was not asked for the longest goes first."""

    def __init__(
        self,
        load: Callable[[str, int], Awaitable[Found]],
        most_characters: int = _MOST_CHARACTERS,
    ) -> None:
        """Take what reads the data that a run had in its n-th execution of a step."""
        self._load = load
        self._most = most_characters
        self._kept: OrderedDict[tuple[str, int], Found] = OrderedDict()
        self._locks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
        self._characters = 0

    async def of(self, run_id: str, execution: int) -> Found:
        """Return the data that a run had in one execution, read once for all who ask at once."""
        key = (run_id, execution)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            if key not in self._kept:
                return self._keep(key, await self._load(run_id, execution))
            self._kept.move_to_end(key)
            return self._kept[key]

    def _keep(self, key: tuple[str, int], found: Found) -> Found:
        if found[1] <= self._most:
            self._kept[key] = found
            self._characters += found[1]
        while self._characters > self._most:
            self._characters -= self._kept.popitem(last=False)[1][1]
        return found
