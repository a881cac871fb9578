"""The timeout of an attempt: it counts while the step runs, and not while it waits for its turn.

Resources that steps share (document readers, connections) have their own queues, far below the step
in the call stack. Such a queue marks the wait with `waiting_for_turn`, so the layers between the
step and the queue need not know of the timeout.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import Any

limit_here: ContextVar["AttemptTimeout | PartTimeout | None"] = ContextVar(
    "attempt_timeout", default=None
)
"""The limit of the code running in a context."""


class AttemptTimeout:
    """Limits the time of an attempt, as `asyncio.timeout` does; `None` seconds mean no limit.

    An attempt sets `limit_here`, and calls `end` if this has begun. It counts from `begin` on:
    nothing can interrupt a coroutine before its first wait, and most attempts never wait. If
    several tasks of the attempt run at once, it stops counting while any of them waits for a turn.
    """

    # Set on the class, because most attempts never wait.
    expired = False
    has_begun = False
    _waiting = 0
    _is_over = False
    _task: asyncio.Task[Any] | None = None
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, seconds: float | None) -> None:
        self.seconds = self._left_s = seconds

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Start to count, and cancel `task` when the time is over."""
        self._task, self._cancelling, self.has_begun = task, task.cancelling(), True
        if not self._waiting:
            self._count()

    def end(self, error: BaseException | None) -> None:
        """Stop counting; `error` has ended the block. Raises `TimeoutError` if time was over."""
        self._is_over = True
        if self._timer is not None:
            self._stop()
        if not self.expired or self._task is None:
            return
        is_ours = self._task.uncancel() <= self._cancelling
        if is_ours and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stop counting while the block lasts."""
        self._waiting += 1
        if self._waiting == 1 and self._timer is not None:
            now_s = asyncio.get_running_loop().time()
            self._left_s = max(0.0, self._timer.when() - now_s)
            self._stop()
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0 and self._task is not None and not self._is_over:
                self._count()

    def _count(self) -> None:
        if self._left_s is not None and not self.expired:
            self._timer = asyncio.get_running_loop().call_later(self._left_s, self._expire)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        self.expired = True
        assert self._task is not None  # noqa: S101 - it has begun
        self._task.cancel()


class PartTimeout:
    """Limits the time of a part of an attempt: `async with`. It pauses whenever the attempt's does.

    Like `asyncio.timeout`, it raises `TimeoutError` when the time is over.
    """

    def __init__(self, seconds: float) -> None:
        self._limit = AttemptTimeout(seconds)
        self._outer = limit_here.get()

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of a task
        self._token = limit_here.set(self)
        self._limit.begin(task)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        limit_here.reset(self._token)
        self._limit.end(error)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stop counting while the block lasts, for this part and for the whole attempt."""
        with self._outer.waiting() if self._outer else nullcontext(), self._limit.waiting():
            yield


@contextmanager
def waiting_for_turn() -> Iterator[None]:
    """Stop the timeout of the current attempt, if there is one, while the block lasts."""
    current = limit_here.get()
    if current is None:
        yield
        return
    with current.waiting():
        yield
