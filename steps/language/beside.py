"""Long work of steps, done beside the event loop where whoever executes them has a way to."""

from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar, copy_context
from typing import Any, Protocol, TypeVar

from steps.language.allowance import CHARACTERS_A_UNIT

T = TypeVar("T")

LONG = 8_000
"""Values, or units of work, from which on others on the event loop should not wait."""


class Way(Protocol):
    """Does work in a thread, and returns what it gives or raises what it raises."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Do it."""
        ...


_way: ContextVar[Way | None] = ContextVar("way", default=None)


def share_way(way: Way) -> None:
    """Have all long work of the current context go this way from now on."""
    _way.set(way)


async def beside(work: Callable[[], T]) -> T:
    """Return what `work` gives or raises: beside the event loop where there is a way, else here.

    It sees the context of whoever calls.
    """
    way = _way.get()
    if way is None:
        return work()
    context = copy_context()
    return await way(lambda: context.run(work))


def is_long(values: Iterable[Any], most: int = LONG) -> bool:
    """Say whether these hold more values than `most`; a long text counts as several."""
    count = 0
    todo: list[Any] = list(values)
    for item in todo:  # which grows meanwhile
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
