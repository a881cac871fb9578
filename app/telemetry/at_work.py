"""Which step the code belongs to that runs now, for who looks at the event loop from beside it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import FrameType


@dataclass(frozen=True, slots=True)
class AtWork:
    """A step at work, and the tool that it has called, if any; two are one without the tool."""

    run_id: str
    step_id: str
    tool: str | None = field(default=None, compare=False)


_at_work: ContextVar[AtWork | None] = ContextVar("at_work", default=None)
"""Tasks and callbacks that a step makes have it too, since they begin with a copy."""

_RUN = asyncio.Handle._run.__code__  # noqa: SLF001 - what a callback of the loop runs in


@contextmanager
def at_work(run_id: str, step_id: str) -> Iterator[None]:
    """Let what runs meanwhile count as the work of a step."""
    token = _at_work.set(AtWork(run_id, step_id))
    try:
        yield
    finally:
        _at_work.reset(token)


@contextmanager
def calling(tool: str) -> Iterator[None]:
    """Let the step at work be one that has called a tool."""
    found = _at_work.get()
    token = _at_work.set(replace(found, tool=tool) if found else None)
    try:
        yield
    finally:
        _at_work.reset(token)


def not_at_work() -> None:
    """Let the task that calls this belong to no step, although one has made it."""
    _at_work.set(None)


def at_work_in(frame: FrameType | None) -> AtWork | None:
    """Return the step to which the callback belongs that a thread's innermost frame is part of."""
    while frame is not None:
        if frame.f_code is _RUN:
            context = frame.f_locals["self"]._context  # noqa: SLF001 - no public way to it
            found: AtWork | None = context.get(_at_work)
            return found
        frame = frame.f_back
    return None
