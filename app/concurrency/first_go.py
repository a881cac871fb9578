"""Runs a coroutine up to its first wait without a task: most attempts of a step never wait.

A coroutine runs where it is started until it first waits. If it ends before that, it has needed no
task and no turn of the event loop. Otherwise it continues in a task, and appears to have run in
that task from the beginning: code that asks for the current task or for context variables before
the first wait gets the same ones as after it.
"""

import asyncio
from asyncio import tasks
from collections.abc import Coroutine, Generator
from contextvars import Context
from types import FrameType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FirstGo(Generic[T]):
    """Starts coroutines, and keeps one task ready for the next coroutine that waits.

    Each coroutine gets its own copy of the context given here, and nothing of its caller's context.
    """

    def __init__(self, context: Context) -> None:
        self._at_hand: _Carrier[T] | None = None
        self._context = context

    def start(
        self, coroutine: Coroutine[Any, Any, T], begin: Context | None = None
    ) -> "T | asyncio.Task[T]":
        """Run a coroutine up to its first wait; return its result, or the task that runs the rest.

        It begins with a copy of the context `begin`, if given. Raises what the coroutine raises
        before its first wait.
        """
        carrier, self._at_hand = self._at_hand or _Carrier(), None
        loop = carrier.loop
        before = asyncio.current_task(loop)
        context = (self._context if begin is None else begin).copy()
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
        """Cancel the task that is kept ready."""
        if self._at_hand is not None:
            self._at_hand.task.cancel()
            self._at_hand = None


class _Carrier(Generic[T]):
    """A task that waits until it is given a coroutine to continue."""

    __slots__ = ("_given", "loop", "task")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._given: asyncio.Future[_Rest[T]] = self.loop.create_future()
        self.task = self.loop.create_task(self._carry())

    def carry(self, rest: "_Rest[T]") -> asyncio.Task[T]:
        """Continue a coroutine, even if it cancelled the task before its first wait."""
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
    """The rest of a coroutine after its first wait, in its own context."""

    __slots__ = ("_awaited", "_context", "_coroutine", "_failure")

    def __init__(self, coroutine: Coroutine[Any, Any, T], awaited: Any, context: Context) -> None:
        self._coroutine, self._awaited, self._context = coroutine, awaited, context
        self._failure: BaseException | None = None

    def cancelled(self) -> "_Rest[T]":
        """Start with a cancellation."""
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
            except BaseException as thrown:  # noqa: BLE001 - the exception belongs to the coroutine
                failure = thrown
            try:
                awaited = run(coroutine.throw, failure) if failure else run(coroutine.send, None)
            except StopIteration as end:
                result: T = end.value
                return result


_EXECUTE = frozenset({FirstGo.start.__code__, _Rest.__await__.__code__})


def context_in(frame: FrameType) -> Context | None:
    """Return the context of the coroutine that a frame executes, or None if it executes none."""
    if frame.f_code not in _EXECUTE:
        return None
    found: Context | None = frame.f_locals.get("context")
    return found
