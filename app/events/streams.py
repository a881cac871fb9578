"""Streams of events: each one reads the journal at the speed of its reader.

A stream holds one page of events at a time, and nothing is queued for it. It is woken after commits
and by a heartbeat. At the heartbeat it reads again, checks that its caller still has access, and
shows the reader that the connection is alive. It computes in its tenant's turns.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.concurrency.fair_loop import FairLoop
from app.concurrency.until_set import until_set
from app.events.catalogue import LAST_KINDS
from app.events.deltas import Deltas
from app.events.document import event_document
from app.events.hub import Hub
from app.events.sse import HEARTBEAT, delta_frame, frame, mark, opening
from app.telemetry import log
from journal import EventFilter, EventPages, EventRow, JournalError, UnknownEvent, UnknownRun

_PAGE = 64
_CHUNK = 32_768
_ROWS_A_TURN = 8
"""Events that are written before the stream lets others compute."""

_PACE_S = 0.02
"""Events that become durable within this time are sent together: a read per commit costs more."""

_LAST_WORDS_S = 1.0


class TooManyStreams(Exception):
    """The tenant has the greatest allowed number of open streams."""

    retry_after_s = 5

    def __init__(self, most: int) -> None:
        super().__init__(f"this tenant has {most} open event streams, which is the limit")


class Streams:
    """All open streams."""

    def __init__(  # noqa: PLR0913 - what it reads and sends, and its limits
        self,
        pages: EventPages,
        hub: Hub,
        deltas: Deltas,
        most: int,
        heartbeat_s: float,
        fair_loop: FairLoop,
    ) -> None:
        self._fair_loop = fair_loop
        self._deltas = deltas
        self._pages = pages
        self._hub = hub
        self._most = most
        self._heartbeat_s = heartbeat_s
        self._open: Counter[str] = Counter()
        self._aborts: set[Callable[[], None]] = set()
        self._closing = False

    def require_place(self, tenant: str) -> None:
        """Raise `TooManyStreams` if the tenant may not open another stream."""
        if self._open[tenant] >= self._most:
            raise TooManyStreams(self._most)

    @contextmanager
    def place(self, tenant: str, abort: Callable[[], None]) -> Iterator[None]:
        """Count a stream while it is open; `abort` drops its connection at once."""
        self._open[tenant] += 1
        self._aborts.add(abort)
        try:
            yield
        finally:
            self._aborts.discard(abort)
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]

    def close(self) -> None:
        """End all streams: the server is stopping. Clients that do not read are disconnected."""
        self._closing = True
        self._hub.wake_all()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self._cut_off)

    async def of_run(  # noqa: PLR0913 - what is read, and until when
        self,
        tenant: str,
        run_id: str,
        after_seq: int,
        may_read: Callable[[], bool],
        settled: asyncio.Future[Any] | None = None,
        *,
        has_deltas: bool = False,
    ) -> AsyncGenerator[str, None]:
        """Return a run's events after a sequence number, until the run has ended, as text to send.

        With `settled`, end when it is done and its events were sent. With `has_deltas`, include
        models' answers while they are written.
        """
        yield opening()
        with (
            self._hub.listen_to_run(run_id) as bell,
            self._deltas.read(run_id if has_deltas else "", bell) as deltas,
            _ending(run_id),
        ):
            if settled is not None:
                settled.add_done_callback(lambda _: bell.set())
            beat, has_ended = _Beat(self._heartbeat_s), False
            while not self._closing:
                bell.clear()
                is_settled = settled is not None and settled.done()
                page_read = self._pages.of_run(run_id, after_seq, _PAGE)
                rows = await self._fair_loop.run(tenant, page_read)
                # The pieces of an answer are sent before the event that says the answer is
                # complete.
                if deltas:
                    yield "".join(delta_frame(deltas.popleft()) for _ in range(len(deltas)))
                async for chunk in self._chunks(tenant, rows):
                    yield chunk
                if rows:
                    after_seq = rows[-1].seq
                    if rows[-1].kind in LAST_KINDS:
                        return
                    await asyncio.sleep(_PACE_S)
                elif has_ended or is_settled:
                    return
                if beat.is_due():
                    if not may_read():
                        return
                    # The run's last event may have come since the read, so there is one more read.
                    has_ended = await self._pages.has_ended(tenant, run_id)
                    yield HEARTBEAT
                if len(rows) < _PAGE and not has_ended:
                    await beat.wait(bell)

    async def of_tenant(
        self,
        tenant: str,
        wanted: EventFilter,
        after: int,
        may_read: Callable[[], bool],
        matters: Callable[[EventRow], Awaitable[bool]] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Return the tenant's events after a position, for as long as the client reads.

        `matters` leaves out events by what else the journal has about them.
        """
        yield opening() + mark(after)
        with self._hub.listen_to_tenant(tenant) as bell, _ending(tenant):
            beat = _Beat(self._heartbeat_s)
            while not self._closing:
                bell.clear()
                page_read = self._pages.of_tenant(tenant, wanted, after, _PAGE)
                page = await self._fair_loop.run(tenant, page_read)
                rows = page.rows
                if matters is not None:
                    rows = [row for row in rows if await matters(row)]
                async for chunk in self._chunks(tenant, rows):
                    yield chunk
                after = page.looked_up_to
                if beat.is_due():
                    if not may_read():
                        return
                    yield HEARTBEAT + mark(after)
                if not page.has_more:
                    if page.rows:
                        await asyncio.sleep(_PACE_S)
                    await beat.wait(bell)

    async def _chunks(self, tenant: str, rows: list[EventRow]) -> AsyncGenerator[str, None]:
        """Return the text of events in pieces; skip those deleted meanwhile."""
        at = 0
        while at < len(rows):
            text, at = await self._fair_loop.run(tenant, self._chunk(rows, at))
            if text:
                yield text

    async def _chunk(self, rows: list[EventRow], at: int) -> tuple[str, int]:
        """Return the text of events from an index on, and the index of the next piece."""
        parts: list[str] = []
        size, begin = 0, at
        while at < len(rows) and size < _CHUNK:
            if at > begin and (at - begin) % _ROWS_A_TURN == 0:
                await asyncio.sleep(0)
            with contextlib.suppress(UnknownEvent):
                parts.append(frame(await event_document(self._pages, rows[at])))
                size += len(parts[-1])
            at += 1
        return "".join(parts), at

    def _cut_off(self) -> None:
        for abort in tuple(self._aborts):
            abort()


class _Beat:
    """Decides when a stream has to send a heartbeat."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._now = asyncio.get_running_loop().time
        self._due = self._now() + every_s

    def is_due(self) -> bool:
        """Return whether the heartbeat is due; if so, set the next one."""
        if self._now() < self._due:
            return False
        self._due = self._now() + self._every_s
        return True

    async def wait(self, bell: asyncio.Event) -> None:
        """Wait for the bell, at most until the heartbeat is due."""
        await until_set(bell, self._due - self._now())


@contextmanager
def _ending(whose: str) -> Iterator[None]:
    """End a stream without an error if its run was deleted or the journal does not answer.

    The client reconnects and then learns what has happened.
    """
    try:
        yield
    except UnknownRun:
        pass
    except JournalError as failure:
        log.stream_ended(whose, failure)
