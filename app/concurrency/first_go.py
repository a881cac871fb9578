"""The first go of a coroutine, without a task: most attempts of a step never wait.

A coroutine is executed up to its first wait where it is started. One that ends by then has
needed no task and no turn of the event loop; any other goes on in a task, and has been that
task's from the beginning: what asks for the current task or for context variables in its
first go is given those that it goes on with.
"""

import asyncio
from asyncio import tasks
from collections.abc import Coroutine, Generator
from contextvars import Context
from types import FrameType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FirstGo(Generic[T]):
    """Starts coroutines, with one task at hand for the one that waits.

    Each has a context of its own, a copy of the one that is given here: nothing comes with it
    from whoever starts it.
    """

    def __init__(self, context: Context) -> None:
        self._at_hand: _Carrier[T] | None = None
        self._context = context

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "T | asyncio.Task[T]":
        """Execute a coroutine up to its first wait; return its result, or the task of the rest.

        Raises what the coroutine raises in its first go.
        """
        carrier, self._at_hand = self._at_hand or _Carrier[T](), None
        loop, before = carrier.loop, asyncio.current_task()
        context = self._context.copy()
        if before is not None:
            tasks._leave_task(loop, before)  # noqa: SLF001 - documented, for those who make tasks
        tasks._enter_task(loop, carrier.task)  # noqa: SLF001 - as above
        try:
            awaited = context.run(coroutine.send, None)
        except StopIteration as end:
            if not carrier.task.cancelling():
                self._at_hand = carrier
            result: T = end.value
            return result
        except BaseException:
            if not carrier.task.cancelling():
                self._at_hand = carrier
            raise
        finally:
            tasks._leave_task(loop, carrier.task)  # noqa: SLF001 - as above
            if before is not None:
                tasks._enter_task(loop, before)  # noqa: SLF001 - as above
        return carrier.carry(_Rest(coroutine, awaited, context))

    def close(self) -> None:
        """Give up the task that is at hand."""
        if self._at_hand is not None:
            self._at_hand.task.cancel()
            self._at_hand = None


class _Carrier(Generic[T]):
    """A task that waits for a coroutine to go on with."""

    __slots__ = ("_given", "loop", "task")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._given: asyncio.Future[_Rest[T]] = self.loop.create_future()
        self.task = self.loop.create_task(self._carry())

    def carry(self, rest: "_Rest[T]") -> asyncio.Task[T]:
        """Go on with a coroutine, also where it has cancelled the task in its first go."""
        if self.task.cancelling():
            self.task = self.loop.create_task(_await(rest.cancelled()))
        else:
            self._given.set_result(rest)
        return self.task

    async def _carry(self) -> T:
        return await (await self._given)


async def _await(rest: "_Rest[T]") -> T:
    return await rest


class _Rest(Generic[T]):
    """The rest of a coroutine that waits, in its own context."""

    __slots__ = ("_awaited", "_context", "_coroutine", "_failure")

    def __init__(self, coroutine: Coroutine[Any, Any, T], awaited: Any, context: Context) -> None:
        self._coroutine, self._awaited, self._context = coroutine, awaited, context
        self._failure: BaseException | None = None

    def cancelled(self) -> "_Rest[T]":
        """Begin with a cancellation."""
        self._failure = asyncio.CancelledError()
        return self

    def __await__(self) -> Generator[Any, None, T]:
        coroutine, awaited, context = self._coroutine, self._awaited, self._context
        run = context.run
        while True:
            failure, self._failure = self._failure, None
            try:
                if failure is None:
                    yield awaited
            except GeneratorExit:
                run(coroutine.close)
                raise
            except BaseException as thrown:  # noqa: BLE001 - it is the coroutine's
                failure = thrown
            try:
                awaited = run(coroutine.throw, failure) if failure else run(coroutine.send, None)
            except StopIteration as end:
                result: T = end.value
                return result


_EXECUTE = frozenset({FirstGo.start.__code__, _Rest.__await__.__code__})


def context_in(frame: FrameType) -> Context | None:
    """Return the context of the coroutine that a frame executes, None where it executes none."""
    if frame.f_code not in _EXECUTE:
        return None
    found: Context | None = frame.f_locals.get("context")
    return found
