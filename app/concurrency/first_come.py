"""A change of what is kept, made of what somebody has read before."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from journal import ChangedMeanwhile

T = TypeVar("T")


async def until_kept(change: Callable[[], Awaitable[T]]) -> T:
    """Read, decide and write by `change`, once more where another process was first."""
    while True:
        with suppress(ChangedMeanwhile):
            return await change()
