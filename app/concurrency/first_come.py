"""Repeats a read-decide-write change when another process changed the data in between."""

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
