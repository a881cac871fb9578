"""Which step the code belongs to that runs now, for who looks at the event loop from beside it."""

import asyncio
from contextvars import ContextVar
from dataclasses import field
from types import FrameType

from app.concurrency.first_go import context_in
from engine.value import value


@value(frozen=True, slots=True)
class AtWork:
    """A step at work, and the tool that it has called, if any; two are one without the tool."""

    run_id: str
    step_id: str
    tool: str | None = field(default=None, compare=False)


step_at_work: ContextVar[tuple[str, str, str | None] | None] = ContextVar("at_work", default=None)
"""The fields of the `AtWork` that what runs in a context belongs to.

Tasks and callbacks that a step makes have it too, since they begin with a copy.
"""

_RUN = asyncio.Handle._run.__code__  # noqa: SLF001 - what a callback of the loop runs in


class at_work:  # noqa: N801 - read as what it says: with at_work(run_id, step_id)
    """Let what runs meanwhile count as the work of a step. A class, which costs less."""

    __slots__ = ("_step", "_token")

    def __init__(self, run_id: str, step_id: str, tool: str | None = None) -> None:
        self._step = (run_id, step_id, tool)

    def __enter__(self) -> None:
        self._token = step_at_work.set(self._step)

    def __exit__(self, *_: object) -> None:
        step_at_work.reset(self._token)


def at_work_in(frame: FrameType | None) -> AtWork | None:
    """Return the step to which the callback belongs that a thread's innermost frame is part of."""
    while frame is not None:
        context = context_in(frame)
        if frame.f_code is _RUN:
            context = frame.f_locals["self"]._context  # noqa: SLF001 - no public way to it
        if context is not None:
            found = context.get(step_at_work)
            return AtWork(*found) if found else None
        frame = frame.f_back
    return None
