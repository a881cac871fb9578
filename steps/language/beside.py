"""Runs a step's long work outside the event loop, if the executing code provides a way."""

from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar, copy_context
from typing import Any, Protocol, TypeVar

from steps.language.allowance import CHARACTERS_A_UNIT

T = TypeVar("T")

LONG = 8_000
"""Values, or units of work, from which on the work should not block the event loop."""


class Way(Protocol):
    """Does work in a thread, and returns its result or raises its error."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Do the work."""
        ...


_way: ContextVar[Way | None] = ContextVar("way", default=None)


def share_way(way: Way) -> None:
    """Run all long work of the current context in this way."""
    _way.set(way)


async def beside(work: Callable[[], T]) -> T:
    """Return the result of `work` or raise its error; it runs off the event loop if possible.

    The work sees the context of the caller.
    """
    way = _way.get()
    if way is None:
        return work()
    context = copy_context()
    return await way(lambda: context.run(work))


async def beside_if_long(value: Any, work: Callable[[], T]) -> T:
    """Return the result of `work` or raise its error; off the event loop if `value` is long."""
    return await beside(work) if is_long([value]) else work()


def is_long(values: Iterable[Any], most: int = LONG) -> bool:
    """Return whether these hold more values than `most`; a long text counts as several."""
    count = 0
    todo: list[Any] = list(values)
    for item in todo:  # the list grows in the loop
        if isinstance(item, str):
            count += len(item) // CHARACTERS_A_UNIT
        elif isinstance(item, dict | list):
            count += len(item)
        if count > most:
            return True
        if isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return False
