"""Runs long computations in a thread beside the event loop, one at a time.

One at a time, because the thread alternates with the loop's thread every few milliseconds, and a
second one would make the loop wait for both. The work must not wait for anything.

Some of the work is code of step types, which may block all the same. A thread cannot be stopped, so
each piece of work has its own: if it takes too long the thread is abandoned, and the next piece
begins. The process does not wait for abandoned threads when it ends.
"""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from app.concurrency.fair_queue import FairQueue
from app.concurrency.tenant import current_tenant

T = TypeVar("T")

LONG_BYTES = 64 * 1024
"""From this length on, handing a text to the thread and back costs less than it saves."""

LONGEST_S = 60.0
"""Seconds after which a piece of work is abandoned."""

_DEEPEST = 12

_turns = FairQueue(1)
"""Decides whose work comes next: a tenant with much work lets others go after each piece."""


class OffloadTimeout(Exception):
    """A piece of work took longer than `LONGEST_S`; a note says what its thread was executing."""


async def offload(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises; the loop serves others meanwhile.

    If the caller is cancelled, the next piece still begins only when this one has ended. Raises
    `OffloadTimeout`.
    """
    tenant = current_tenant()
    await _turns.wait(tenant, 1)
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()
    thread = threading.Thread(target=_carry_out, args=(work, done), name="offload", daemon=True)
    result = asyncio.wrap_future(done)
    result.add_done_callback(lambda _: result.exception())  # the caller may have been cancelled
    ended = asyncio.ensure_future(asyncio.wait({result}, timeout=LONGEST_S))
    ended.add_done_callback(lambda _: _turns.give(tenant, 1))
    thread.start()
    await asyncio.shield(ended)
    if not result.done():
        late = OffloadTimeout(f"{work!r} took longer than {LONGEST_S:g} seconds")
        late.add_note(_stack_of(thread))
        raise late
    return result.result()


def _carry_out(work: Callable[[], T], done: Future[T]) -> None:
    try:
        result = work()
    except BaseException as failed:  # noqa: BLE001 - passed to the caller
        is_odd = not isinstance(failed, Exception) or isinstance(failed, StopIteration)
        done.set_exception(
            RuntimeError(f"{type(failed).__name__}: {failed}") if is_odd else failed
        )  # the loop would take an odd one (StopIteration) for its own
    else:
        done.set_result(result)


def _stack_of(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - it has no public name
    return "".join(traceback.format_stack(frame, _DEEPEST)) if frame else ""
