"""Computing that takes long, done beside the event loop.

One piece at a time: its thread takes turns with the loop's own every few milliseconds, and a
second one would only make the loop wait for two. What runs here must not wait.

Some of it is the code of step types, which may block in spite of that. A thread cannot be
stopped, so each piece has one of its own: when it takes too long it is left behind, and the
next piece begins. Nobody waits for it when the process ends.
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
"""Texts from this length on are worth the way to the thread and back."""

LONGEST_S = 60.0
"""Seconds after which a piece of work is left behind."""

_DEEPEST = 12

_turns = FairQueue(1)
"""Whose piece comes next: a tenant with much to do lets another one come after each piece."""


class OffloadTimeout(Exception):
    """A piece of work took longer than `LONGEST_S`; a note says where its thread stands."""


async def offload(work: Callable[[], T]) -> T:
    """Return what `work` gives or raises; the loop serves others meanwhile.

    Whoever asks may be cancelled; the next piece begins when this one has come to its end
    nevertheless. Raises `OffloadTimeout`.
    """
    tenant = current_tenant()
    await _turns.wait(tenant, 1)
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()
    thread = threading.Thread(target=_carry_out, args=(work, done), name="offload", daemon=True)
    result = asyncio.wrap_future(done)
    result.add_done_callback(lambda _: result.exception())  # perhaps nobody asks any more
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
    except BaseException as failed:  # noqa: BLE001 - it is for who waits
        is_odd = not isinstance(failed, Exception) or isinstance(failed, StopIteration)
        done.set_exception(
            RuntimeError(f"{type(failed).__name__}: {failed}") if is_odd else failed
        )  # the loop would take the odd ones for its own
    else:
        done.set_result(result)


def _stack_of(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no public name for it
    return "".join(traceback.format_stack(frame, _DEEPEST)) if frame else ""
