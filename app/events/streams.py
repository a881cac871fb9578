"""Streams of events: each reads the journal at the speed of its reader.

A stream holds one page at a time, and nothing is queued for it. It is woken after commits;
a beat wakes it as well, at which it looks again, checks that its caller may still read, and
shows its reader that the line is alive. What it writes it writes in the turns of its tenant.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.concurrency.fair_loop import FairLoop
from app.events.catalogue import LAST_KINDS
from app.events.deltas import Deltas
from app.events.document import told
from app.events.hub import Hub
from app.events.sse import HEARTBEAT, delta_frame, frame, mark, opening
from app.telemetry import log
from journal import EventFilter, EventPages, EventRow, JournalError, UnknownEvent, UnknownRun

_PAGE = 64
_CHUNK = 32_768
_ROWS_A_TURN = 8
"""Events that are written before others compute."""

_PACE_S = 0.02
"""What becomes durable within this time goes out together: a look a commit would cost more."""

_LAST_WORDS_S = 1.0


class TooManyStreams(Exception):
    """The tenant has as many open streams as it may have."""

    retry_after_s = 5

    def __init__(self, most: int) -> None:
        super().__init__(f"this tenant has {most} open event streams, which is the most")


class Streams:
    """All open streams."""

    def __init__(  # noqa: PLR0913 - what it reads and tells, and its bounds
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
        """Raise `TooManyStreams` when the tenant may not open another one."""
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
        """End all streams: the server is stopping. Readers that do not read are cut off."""
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
        """Return a run's events after a sequence number, until it has ended, as text to send.

        With `settled`, until that is done and its events are told; with `has_deltas`, answers of
        models as they come.
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
                # What an answer was told by comes before the event that it is there.
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
                    # What it ended with may have come since: that is looked for once more.
                    has_ended = await self._pages.has_ended(tenant, run_id)
                    yield HEARTBEAT
                if len(rows) < _PAGE and not has_ended:
                    await beat.wait(bell)

    async def of_tenant(
        self, tenant: str, wanted: EventFilter, after: int, may_read: Callable[[], bool]
    ) -> AsyncGenerator[str, None]:
        """Return the tenant's events after a position, for as long as somebody reads."""
        yield opening() + mark(after)
        with self._hub.listen_to_tenant(tenant) as bell, _ending(tenant):
            beat = _Beat(self._heartbeat_s)
            while not self._closing:
                bell.clear()
                page_read = self._pages.of_tenant(tenant, wanted, after, _PAGE)
                page = await self._fair_loop.run(tenant, page_read)
                async for chunk in self._chunks(tenant, page.rows):
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
        """Return the text of some events in pieces; those deleted meanwhile are left out."""
        at = 0
        while at < len(rows):
            text, at = await self._fair_loop.run(tenant, self._chunk(rows, at))
            if text:
                yield text

    async def _chunk(self, rows: list[EventRow], at: int) -> tuple[str, int]:
        """Return the text of events from a place on, and where the next piece begins."""
        parts: list[str] = []
        size, begin = 0, at
        while at < len(rows) and size < _CHUNK:
            if at > begin and (at - begin) % _ROWS_A_TURN == 0:
                await asyncio.sleep(0)
            with contextlib.suppress(UnknownEvent):
                parts.append(frame(await told(self._pages, rows[at])))
                size += len(parts[-1])
            at += 1
        return "".join(parts), at

    def _cut_off(self) -> None:
        for abort in tuple(self._aborts):
            abort()


class _Beat:
    """Says when a stream has to show that it is alive."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._now = asyncio.get_running_loop().time
        self._due = self._now() + every_s

    def is_due(self) -> bool:
        """Say whether the moment has come; the next one is set then."""
        if self._now() < self._due:
            return False
        self._due = self._now() + self._every_s
        return True

    async def wait(self, bell: asyncio.Event) -> None:
        """Wait for the bell, or for the moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._due):
                await bell.wait()


@contextmanager
def _ending(whose: str) -> Iterator[None]:
    """End a stream quietly when its run was deleted or the journal does not answer.

    Its reader comes back and is told how things stand.
    """
    try:
        yield
    except UnknownRun:
        pass
    except JournalError as failure:
        log.stream_ended(whose, failure)
