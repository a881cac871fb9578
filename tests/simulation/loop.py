"""A deterministic event loop: time is virtual, and a seed picks which ready callback runs next.

There are no threads and no sockets. When nothing is ready, time jumps to the next timer. The same
seed always produces the same order.
"""

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

_MOST_STEPS = 40_000


class Stuck(Exception):
    """A deadlock (nothing is ready and no timer is set, but something is awaited) or a livelock."""


class TaskGroup:
    """The tasks of one life of the server, so that a crash can end them."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self.alive = True

    @property
    def unfinished(self) -> list[asyncio.Task[Any]]:
        self.tasks = [task for task in self.tasks if not task.done()]
        return self.tasks


OWNER: ContextVar[TaskGroup | None] = ContextVar("owner", default=None)
"""The life that a task belongs to, which the tasks it creates inherit."""


class _Numbered:
    """Hashed by number instead of address, so that sets have the same order in every process."""

    _number: int

    def __hash__(self) -> int:
        return self._number


class _Task(_Numbered, asyncio.Task[Any]):
    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **more: Any) -> None:
        self._number = number
        super().__init__(coro, **more)


class _Future(_Numbered, asyncio.Future[Any]):
    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)


class _NothingToSelect:
    def select(self, _timeout: float | None) -> list[Any]:
        return []

    def close(self) -> None:
        pass


class SeededLoop(asyncio.BaseEventLoop):
    """Runs one ready callback at a time, chosen at random, or in order with `in_order`."""

    # Attributes of the standard library's loop that its type stubs do not declare.
    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]  # of TimerHandle, whose own `_scheduled` is not declared either
    _timer_cancelled_count: int

    def __init__(self, random: Random, *, in_order: bool = False) -> None:
        super().__init__()
        self._selector = _NothingToSelect()
        self._random = random
        self._in_order = in_order
        self._virtual_s = 0.0
        self._numbers = count(1)
        self._steps = 0
        self._failure: BaseException | None = None
        self.unhandled: list[str] = []
        self.set_task_factory(self._task)
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self._virtual_s

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(next(self._numbers), self)

    def fail(self, failure: BaseException) -> None:
        """Stop everything with `failure`, even if the running code would catch it."""
        self._failure = self._failure or failure

    def finish(self) -> None:
        """Cancel the remaining tasks, so that the loop can be closed."""
        for _ in range(50):
            left = [task for task in asyncio.all_tasks(self) if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            self._failure, self._steps = None, 0
            with contextlib.suppress(AssertionError):  # tasks cut off here break no invariant
                self.run_until_complete(asyncio.sleep(0.001))
        self.close()

    def within(self, owner: TaskGroup, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Create a task that belongs to `owner`."""
        context = copy_context()
        context.run(OWNER.set, owner)
        return self.create_task(work, context=context)

    def _task(self, _: object, coro: Any, context: Context | None = None) -> asyncio.Task[Any]:
        owner = (context or copy_context()).get(OWNER)
        task = _Task(next(self._numbers), coro, loop=self, context=context)
        if owner is not None:
            owner.tasks.append(task)
        return task

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unhandled.append(f"{context['message']}: {context.get('exception')!r}")

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _run_once(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._steps += 1
        ready, timers = self._ready, self._scheduled
        while timers and timers[0].cancelled():
            heapq.heappop(timers)._scheduled = False
            self._timer_cancelled_count -= 1
        if not ready:
            if not timers or self._steps > _MOST_STEPS:
                raise Stuck("no timer is set" if not timers else f"{_MOST_STEPS} steps")
            self._virtual_s = max(self._virtual_s, timers[0].when())
            while timers and timers[0].when() <= self._virtual_s:
                timer = heapq.heappop(timers)
                timer._scheduled = False
                if timer.cancelled():
                    self._timer_cancelled_count -= 1
                else:
                    ready.append(timer)
        elif self._steps > 2 * _MOST_STEPS:
            raise Stuck(f"{self._steps} steps")
        if not self._in_order and len(ready) > 1:
            which = self._random.randrange(len(ready))
            ready[0], ready[which] = ready[which], ready[0]
        if ready:
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()
