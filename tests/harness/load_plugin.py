"""Tools that take time or return much, a disk that can hang, and answers with processor time."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import app.clock
from app.web.exchange import Exchange
from journal.sqlite.database import WritingConnection
from steps import tool

_STUCK = os.environ.get("DISK_STUCK", "")
"""While this file exists, writes to the disk hang."""
_CLOCK_OFFSET = os.environ.get("CLOCK_OFFSET", "")


@tool
async def nap(seconds: float) -> str:
    """Wait, as a call to a slow service does."""
    await asyncio.sleep(seconds)
    return "rested"


@tool
async def hog(seconds: float) -> str:
    """Keep the event loop busy, as a bad plug-in does."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return "kept the loop"


@tool
async def much(size: int) -> dict[str, Any]:
    """Return so many bytes."""
    return {"text": "0123456789abcdef" * (size // 16)}


_begin, _answer = Exchange._begin, Exchange.answer


def _computed() -> bytes:
    """Return the processor time that the server has used, in seconds."""
    return b"%.6f" % time.process_time()


def _dated(self: Exchange, message: Any) -> None:
    """Add that time to an answer that is sent by messages."""
    computed = (b"x-computed-s", _computed())
    _begin(self, {**message, "headers": [*message.get("headers", ()), computed]})


def _dated_at_once(self: Exchange, status: int, lines: bytes, body: bytes) -> bool:
    """Add it to an answer that is sent in one piece."""
    return _answer(self, status, b"%bx-computed-s: %b\r\n" % (lines, _computed()), body)


Exchange._begin = _dated  # type: ignore[method-assign] # adds a header to each answer
Exchange.answer = _dated_at_once  # type: ignore[method-assign] # as above

_transact = WritingConnection.transact


async def _in_time(
    self: WritingConnection, work: Callable[[sqlite3.Connection], Any], rows: int
) -> Any:
    while os.path.exists(_STUCK):  # noqa: ASYNC110, ASYNC240, PTH110 - a file ends it
        await asyncio.sleep(0.01)
    return await _transact(self, work, rows)


if _STUCK:
    WritingConnection.transact = _in_time  # type: ignore[method-assign] # the disk hangs


def _jumping_ms(_: app.clock.SystemClock) -> int:
    with open(_CLOCK_OFFSET) as offset:  # noqa: PTH123 - read at each look at the clock
        return time.time_ns() // 1_000_000 + int(offset.read() or 0)


if _CLOCK_OFFSET:
    app.clock.SystemClock.now_ms = _jumping_ms  # type: ignore[method-assign, assignment] # the clock jumps
    if not os.environ.get("CLOCK_IS_OF_STORE"):  # with PostgreSQL, the database's clock is set too
        app.clock.StoreClock.set_by = lambda _self, _store_ms: None  # type: ignore[method-assign, assignment] # as above
