"""A check before every write to a connection, after all waits for turns and connections.

A process that was suspended continues where it stopped, before any of its timers. Without the
check, it would send a request that another process has already sent in the meantime.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_still: ContextVar[Callable[[], None] | None] = ContextVar("still", default=None)


@contextmanager
def fenced(still: Callable[[], None]) -> Iterator[None]:
    """Call `still` before each write in the block; nothing is written if it raises."""
    token = _still.set(still)
    try:
        yield
    finally:
        _still.reset(token)


def pass_fence() -> None:
    """Call the current fence, if there is one, and raise what it raises."""
    still = _still.get()
    if still is not None:
        still()
