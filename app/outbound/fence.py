"""A fence before what is sent: asked at each write, after all waits for turns and connections.

A process that was suspended goes on where it stood, before any of its timers: what was about to
be sent would go out after another process has done it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_still: ContextVar[Callable[[], None] | None] = ContextVar("still", default=None)


@contextmanager
def fenced(still: Callable[[], None]) -> Iterator[None]:
    """Call `still` before each write meanwhile; nothing is written where it raises."""
    token = _still.set(still)
    try:
        yield
    finally:
        _still.reset(token)


def pass_fence() -> None:
    """Raise what the fence raises that stands before what is sent now, if there is one."""
    still = _still.get()
    if still is not None:
        still()
