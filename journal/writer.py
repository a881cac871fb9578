"""The one writer: all that has gathered goes into one transaction, then all are told.

While a transaction is being written the next ones gather, so that under load many appends
share one flush of the disk. Nobody is told before the commit has returned.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import aiosqlite

from journal.counters import WriterCounters
from journal.database import WritingConnection
from journal.errors import JournalError, Unavailable
from journal.health import Displaced, Health
from journal.place import Place
from journal.transaction import Append, Row, Task, Work, write

_LARGEST_BATCH = 2_000
_LOOK_EVERY_S = 0.5
"""How often the writer looks at its file when nobody writes, or tries again after a failure."""


class _Look:
    """Has the writer look at its file, or try again after a failure, when nobody writes."""


class Writer:
    """Owns the writing connection; everything that changes the database goes through it."""

    def __init__(
        self,
        connection: WritingConnection,
        after_batch: Callable[[aiosqlite.Connection], Awaitable[None]],
        place: Place,
    ) -> None:
        self._connection = connection
        self._place = place
        self._after_batch = after_batch
        self._queue: asyncio.Queue[Append | Task | _Look | None] = asyncio.Queue()
        self._loop = asyncio.create_task(self._run())
        self._looks = asyncio.create_task(self._look_now_and_then())
        self._closed = False
        self.health = Health()
        self.counters = WriterCounters()

    async def append(
        self, events: Sequence[Row], runs: Sequence[Row], conflict: JournalError
    ) -> None:
        """Append events, all or none; durable when this returns.

        Raises `conflict` or `Unavailable`.
        """
        await self._submit(Append(events, runs, conflict))

    async def write(self, work: Work) -> Any:
        """Run `work` inside a transaction and return its result; durable when this returns."""
        return await self._submit(Task(work))

    async def drain(self) -> None:
        """Write what has gathered, and take nothing more."""
        if not self._closed:
            self._closed = True
            self._looks.cancel()
            self._queue.put_nowait(None)
            await self._loop

    async def close(self) -> None:
        """Write what has gathered, then close the connection."""
        await self.drain()
        await self._connection.close()

    async def _submit(self, item: Append | Task) -> Any:
        if self._closed or self.health.is_over:
            raise Unavailable(self.health.trouble or "it is closed")
        self.counters.queued += 1
        self._queue.put_nowait(item)
        return await item.done

    async def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = await self._gather()
            if not batch and not is_last and not self.health.trouble:
                self._look_at_the_place()
                continue
            await self._write(batch)
            if not self.health.is_over:
                await self._look_after_the_file()

    def _look_at_the_place(self) -> None:
        if why := self._place.displaced():
            self.health.met(Displaced(why))

    async def _look_after_the_file(self) -> None:
        try:
            await self._after_batch(self._connection)
        except sqlite3.Error as failure:
            self.health.met(failure)

    async def _gather(self) -> tuple[Sequence[Append | Task], bool]:
        """Return what has gathered, and whether it is the last; nothing means: look at the file."""
        batch: list[Append | Task] = []
        item = await self._queue.get()
        while item is not None:
            if not isinstance(item, _Look):
                batch.append(item)
            if len(batch) == _LARGEST_BATCH or self._queue.empty():
                return batch, False
            item = self._queue.get_nowait()
        return batch, True

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self._queue.empty():
                self._queue.put_nowait(_Look())

    async def _write(self, batch: Sequence[Append | Task]) -> None:
        """Write one transaction; tell everybody after its commit, or why there was none."""
        began, failed = time.perf_counter(), False
        answers: Sequence[Any]
        try:
            if self.health.is_over:
                raise Unavailable(str(self.health.trouble))
            if why := self._place.displaced():
                raise Displaced(why)
            must_change = self.health.trouble is not None
            answers = await self._connection.on_its_thread(
                partial(write, batch=batch, must_change=must_change)
            )
            self.health.well()
        except Exception as failure:  # noqa: BLE001 - the writer must outlive every failure
            self.health.met(failure)
            # A commit that raised may have happened all the same: nobody is told either way.
            answers = [Unavailable(self.health.trouble or str(failure))] * len(batch)
            failed = True
        self.counters.written(len(batch), time.perf_counter() - began, failed=failed)
        for item, answer in zip(batch, answers, strict=True):
            _tell(item.done, answer)


def _tell(done: asyncio.Future[Any], answer: Any) -> None:
    """Wake one waiter, unless it has gone away."""
    if done.done():
        return
    if isinstance(answer, BaseException):
        done.set_exception(answer)
    else:
        done.set_result(answer)
