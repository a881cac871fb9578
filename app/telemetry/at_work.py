"""Which step the running code belongs to, for a thread that watches the event loop."""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from app.concurrency.first_go import context_in
from engine.value import value


@value(frozen=True, slots=True)
class AtWork:
    """A step at work and the tool it is calling, if any; equality ignores the tool."""

    run_id: str
    step_id: str
    tool: str | None = field(default=None, compare=False)


class WorkHere(Protocol):
    """What the code running in a context belongs to, as it is at this moment.

    The tool changes in place, which costs a tenth of another value of the context variable.
    """

    run_id: str
    step_id: str
    tool: str | None


@dataclass(slots=True)
class Work:
    """A step, and the tool it is calling, if any."""

    run_id: str
    step_id: str
    tool: str | None = None


step_at_work: ContextVar[WorkHere | None] = ContextVar("at_work", default=None)
"""Where the code running in a context belongs.

Tasks and callbacks created by a step inherit it, because they start with a copy of the context.
"""

_contexts: "WeakKeyDictionary[asyncio.Task[Any], Context]" = WeakKeyDictionary()
"""The contexts of tasks in steps, on an event loop whose callbacks have no frames."""

_RUN = asyncio.Handle._run.__code__  # noqa: SLF001 - the code that runs a callback of the loop


class at_work:  # noqa: N801 - read as what it says: with at_work(run_id, step_id)
    """Attribute the code in this block to a step. A class, because that costs less."""

    __slots__ = ("_step", "_token")
    here: "WorkHere | None" = None
    """The step of the block that runs now; nothing awaits inside such a block."""

    def __init__(self, run_id: str, step_id: str, tool: str | None = None) -> None:
        self._step = Work(run_id, step_id, tool)

    def __enter__(self) -> None:
        self._token = step_at_work.set(self._step)
        at_work.here = self._step

    def __exit__(self, *_: object) -> None:
        step_at_work.reset(self._token)
        at_work.here = None


def task_of_step(
    loop: asyncio.AbstractEventLoop,
    coroutine: "Coroutine[Any, Any, Any] | Generator[Any, None, Any]",
    **named: Any,
) -> "asyncio.Task[Any]":
    """Create a task (a task factory) whose step `at_work_in` finds even without Python frames."""
    context: Context | None = named.pop("context", None)
    if context is None and step_at_work.get() is not None:
        context = copy_context()
    if context is None:
        return asyncio.Task(coroutine, loop=loop, **named)
    task = asyncio.Task(coroutine, loop=loop, context=context, **named)
    _contexts[task] = context
    return task


def at_work_in(
    frame: FrameType | None, loop: asyncio.AbstractEventLoop | None = None
) -> AtWork | None:
    """Return the step whose callback a thread's innermost frame is part of.

    `loop` is the event loop of that thread; give it if its callbacks have no frames.
    """
    while frame is not None:
        context = context_in(frame)
        if frame.f_code is _RUN:
            context = frame.f_locals["self"]._context  # noqa: SLF001 - no public way to it
        if context is not None:
            return _shown(context.get(step_at_work))
        frame = frame.f_back
    if loop is None:
        return None
    task = asyncio.current_task(loop)
    context = _contexts.get(task) if task is not None else None
    return _shown(at_work.here if context is None else context.get(step_at_work))


def _shown(here: WorkHere | None) -> AtWork | None:
    return None if here is None else AtWork(here.run_id, here.step_id, here.tool)
