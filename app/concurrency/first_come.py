"""Repeats what was overtaken: a change by another process, or a reading by a change here."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from journal import ChangedMeanwhile

T = TypeVar("T")


async def until_kept(change: Callable[[], Awaitable[T]]) -> T:
    """Read, decide and write by calling `change`, again each time another process was first."""
    while True:
        with suppress(ChangedMeanwhile):
            return await change()


class ChangeCount:
    """Counts the changes of what is kept in memory.

    A change is counted, and made in memory, once it is durable. Otherwise a reading that began
    before it would replace it when it ends after it.
    """

    def __init__(self) -> None:
        self._changes = 0

    def add(self) -> None:
        """Count a change."""
        self._changes += 1

    async def read_whole(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what `read` returns, read again for as long as a change is counted meanwhile."""
        while True:
            before = self._changes
            found = await read()
            if self._changes == before:
                return found
