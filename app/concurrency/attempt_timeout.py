"""The timeout of an attempt: it runs while the step acts, and not while it waits for a turn.

What steps share (readers of documents, connections) has its own queues, deep below the step
that asks. A queue says that it makes the current attempt wait by `waiting_for_turn`, and
nothing between the two has to know.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

_current: ContextVar["AttemptTimeout | PartTimeout | None"] = ContextVar(
    "attempt_timeout", default=None
)


class AttemptTimeout:
    """Bounds a block in time, as `asyncio.timeout` does; `None` seconds are no bound.

    It counts from `begin` on: nothing can cut off the first go of a coroutine, and most never
    wait. Where several tasks of the attempt act at once, it stands still while one of them
    waits for a turn.
    """

    __slots__ = ("_cancelling", "_is_over", "_left_s", "_task", "_timer", "_waiting",
                 "expired", "seconds")  # fmt: skip

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.expired = False
        self._left_s = seconds
        self._waiting = 0
        self._is_over = False
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Begin to count, and cancel `task` when the time is over."""
        self._task, self._cancelling = task, task.cancelling()
        if not self._waiting:
            self._count()

    def __enter__(self) -> Self:
        _current.set(self)  # for good: the context is the attempt's own
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop counting. Raises `TimeoutError` when the time was over."""
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
        """Stand still while the block lasts."""
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
    """Bounds a part of an attempt in time: `async with`. It stands still when the attempt does.

    What comes of it is what `asyncio.timeout` gives: `TimeoutError` where the time was over.
    """

    def __init__(self, seconds: float) -> None:
        self._limit = AttemptTimeout(seconds)
        self._outer = _current.get()

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of a task
        self._token = _current.set(self)
        self._limit.begin(task)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.reset(self._token)
        self._limit.__exit__(kind, error, traceback)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stand still while the block lasts, with the attempt that this is a part of."""
        with self._outer.waiting() if self._outer else nullcontext(), self._limit.waiting():
            yield


@contextmanager
def waiting_for_turn() -> Iterator[None]:
    """Let the timeout of the current attempt, if there is one, stand still meanwhile."""
    current = _current.get()
    if current is None:
        yield
        return
    with current.waiting():
        yield
