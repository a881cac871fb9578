"""Tools that take time or return much, disks that hang or are slow, and answers that say more.

The header of an answer says how much processor time the server has used so far, and how many
requests, in all and of other tenants, it has answered since this one arrived.
"""

import asyncio
import os
import time
from collections import Counter
from typing import Any

import app.clock
from app.web.exchange import Exchange
from journal.connection import Connection
from journal.sqlite.database import WritingConnection
from journal.writing.transaction import Transaction
from steps import tool

_TENANT = b"x-tenant-id"

_STUCK = os.environ.get("DISK_STUCK", "")
"""While this file exists, writes to the disk hang."""
_FLUSH_S = float(os.environ.get("DISK_FLUSH_S", "0"))
"""How many seconds each commit takes besides; with `synchronous` NORMAL all that it takes."""
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


_begin, _answer, _init = Exchange._begin, Exchange.answer, Exchange.__init__
_answers = Counter[bytes]()


def _tenant(exchange: Exchange) -> bytes:
    return next((value for name, value in exchange.scope["headers"] if name == _TENANT), b"")


def _arrived(self: Exchange, **named: Any) -> None:
    """Note how many requests of others had been answered when it arrived."""
    _init(self, **named)
    self.scope["answers"] = _told(self)  # type: ignore[typeddict-unknown-key] # for `_said`


def _told(exchange: Exchange) -> tuple[int, int]:
    """Return how many answers have been sent: in all, and to other tenants."""
    total = _answers.total()
    return total, total - _answers[_tenant(exchange)]


def _said(exchange: Exchange) -> dict[bytes, bytes]:
    before: tuple[int, int] = exchange.scope["answers"]  # type: ignore[typeddict-item] # from `_arrived`
    meanwhile, overtaken = (now - then for now, then in zip(_told(exchange), before, strict=True))
    _answers[_tenant(exchange)] += 1
    return {
        b"x-computed-s": b"%.6f" % time.process_time(),
        b"x-meanwhile": b"%d" % meanwhile,
        b"x-overtaken": b"%d" % overtaken,
    }


def _dated(self: Exchange, message: Any) -> None:
    """Add that to an answer that is sent by messages."""
    _begin(self, {**message, "headers": [*message.get("headers", ()), *_said(self).items()]})


def _dated_at_once(self: Exchange, status: int, lines: bytes, body: bytes) -> bool:
    """Add it to an answer that is sent in one piece."""
    if self.response_started or self.scope["method"] == "HEAD":
        return _answer(self, status, lines, body)
    added = b"".join([b"%b: %b\r\n" % field for field in _said(self).items()])
    return _answer(self, status, lines + added, body)


Exchange.__init__ = _arrived  # type: ignore[method-assign] # remembers what the header says
Exchange._begin = _dated  # type: ignore[method-assign] # adds to the header of each answer
Exchange.answer = _dated_at_once  # type: ignore[method-assign] # as above

_transact = WritingConnection.transact


async def _in_time(self: WritingConnection, work: Transaction, rows: int) -> Any:
    while os.path.exists(_STUCK):  # noqa: ASYNC110, ASYNC240, PTH110 - a file ends it
        await asyncio.sleep(0.01)
    return await _transact(self, work, rows)


if _STUCK:
    WritingConnection.transact = _in_time  # type: ignore[method-assign] # the disk hangs


_commit = Transaction.commit


def _flushing(connection: Connection) -> None:
    time.sleep(_FLUSH_S)
    _commit(connection)


if _FLUSH_S:
    Transaction.commit = staticmethod(_flushing)  # type: ignore[method-assign] # takes its time


def _jumping_ms(_: app.clock.SystemClock) -> int:
    with open(_CLOCK_OFFSET) as offset:  # noqa: PTH123 - read at each look at the clock
        return time.time_ns() // 1_000_000 + int(offset.read() or 0)


if _CLOCK_OFFSET:
    app.clock.SystemClock.now_ms = _jumping_ms  # type: ignore[method-assign, assignment] # the clock jumps
    if not os.environ.get("CLOCK_IS_OF_STORE"):  # with PostgreSQL, the database's clock is set too
        app.clock.StoreClock.set_by = lambda _self, _store_ms: None  # type: ignore[method-assign, assignment] # as above
