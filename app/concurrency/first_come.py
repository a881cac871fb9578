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


async def read_whole(read: Callable[[], Awaitable[T]], changes: Callable[[], int]) -> T:
    """Return what `read` returns, read again for as long as `changes` counts one meanwhile.

    For what is kept in memory: a change is counted, and made there, once it is durable. Without
    this, a reading that began before it would replace it when it ends after it.
    """
    while True:
        before = changes()
        found = await read()
        if changes() == before:
            return found
