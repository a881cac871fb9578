"""The timeout of an attempt: it runs while the step acts, and not while it waits for a turn.

What steps share (readers of documents, connections) has its own queues, deep below the step
that asks. A queue says that it makes the current attempt wait by `waiting_for_turn`, and
nothing between the two has to know.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Self

_current: ContextVar["AttemptTimeout | None"] = ContextVar("attempt_timeout", default=None)


class AttemptTimeout:
    """Bounds a block in time, as `asyncio.timeout` does; `None` seconds are no bound.

    Where several tasks of the attempt act at once, it stands still while one of them waits.
    """

    def __init__(self, seconds: float | None) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._waiting = 0
        self._left_s = 0.0
        self._is_bounded = seconds is not None
        self._is_over = False

    async def __aenter__(self) -> Self:
        """Begin to count."""
        await self._timeout.__aenter__()
        self._token = _current.set(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop counting. Raises `TimeoutError` when the time was over."""
        self._is_over = True
        _current.reset(self._token)
        await self._timeout.__aexit__(kind, error, traceback)

    def expired(self) -> bool:
        """Say whether the time was over."""
        return self._timeout.expired()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stand still while the block lasts."""
        self._waiting += 1
        if self._waiting == 1 and self._runs():
            now_s = asyncio.get_running_loop().time()
            self._left_s = max(0.0, (self._timeout.when() or now_s) - now_s)
            self._timeout.reschedule(None)
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0 and self._runs():
                self._timeout.reschedule(asyncio.get_running_loop().time() + self._left_s)

    def _runs(self) -> bool:
        return self._is_bounded and not self._is_over and not self._timeout.expired()


@contextmanager
def waiting_for_turn() -> Iterator[None]:
    """Let the timeout of the current attempt, if there is one, stand still meanwhile."""
    current = _current.get()
    if current is None:
        yield
        return
    with current.waiting():
        yield
