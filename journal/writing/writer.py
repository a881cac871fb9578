"""The one writer: all that has gathered goes into one transaction, then all are told.

While a transaction is being written the next ones gather, so that under load many appends
share one flush of the disk. Nobody is told before the commit has returned. Of what is too much for
one transaction tenants write in turn (`journal/writing/gathered.py`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from journal.connection import Connection, DatabaseError
from journal.errors import Unavailable
from journal.writing.audit import ChangeNote, current_note, write_entry
from journal.writing.counters import WriterCounters
from journal.writing.gathered import Gathered
from journal.writing.health import Displaced, Health
from journal.writing.transaction import Append, Task, Transaction, Work

_TOLD_AT_ONCE = 4
_TOLD_S = 0.00025
"""Writes of which it is told, and for how long, before others on the event loop have a turn.

Runs go on from there, or stand in line for their turn.
"""

_SLICE_S = 0.002

_LOOK_EVERY_S = 0.5
"""How often the writer looks at its file when nobody writes, or tries again after a failure."""


class Transacting(Protocol):
    """The one connection that writes."""

    async def transact(self, work: Callable[[Any], Any], rows: int, /) -> Any:
        """Do `work`, a transaction of so many rows, and return what it gives."""

    async def close(self) -> None:
        """Close it."""


class Placed(Protocol):
    """Says whether the database is where it was."""

    def displaced(self) -> str | None:
        """Say what has become of it; None while it is in place."""


class Writer:
    """Owns the writing connection; everything that changes the database goes through it.

    Attributes:
        slice_s: How long transactions on the loop's thread, and what follows at once from each,
            may go on before others have a turn: one run's steps would keep the loop to its end.
    """

    def __init__(
        self,
        connection: Transacting,
        after_batch: Callable[[Any], Awaitable[None] | None],
        place: Placed,
        tenant: Callable[[], str] = lambda: "",
    ) -> None:
        """Write on a connection; `tenant` says for whom a write is that does not say so itself."""
        self._tenant = tenant
        self._connection: Any = connection
        self._place = place
        self._after_batch = after_batch
        self._gathered = Gathered()
        self._asleep: asyncio.Future[None] | None = None
        self._look_is_due = False
        self._loop = asyncio.create_task(self._run())
        self._looks = asyncio.create_task(self._look_now_and_then())
        self._closed = False
        self.slice_s = _SLICE_S
        self.health = Health()
        self.counters = WriterCounters()

    async def write(self, work: Work, rows: int = 1) -> Any:
        """Run `work` inside a transaction and return its result; durable when this returns.

        Of many `rows` it is written beside the event loop. What the task has noted of the change
        is written with it.
        """
        note = current_note()
        if note is None:
            return await self._write_one(work, rows)
        note.is_written = True
        try:
            return await self._write_one(partial(_noted, work=work, note=note), rows)
        except BaseException:
            note.is_written = False
            raise

    async def _write_one(self, work: Work, rows: int) -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.submit(Task(work, partial(tell, done), self._tenant(), rows))
        return await done

    def submit(self, item: Append | Task) -> None:
        """Take a write, all or none of it; its `told` hears once it is durable, or why it is not.

        That is the write's own failure, the `conflict` of an append, or `Unavailable`, which it
        hears at once where nothing is written any more.
        """
        if self._closed or self.health.is_over:
            item.told(Unavailable(self.health.trouble or "it is closed"))
            return
        self.counters.queued += 1
        self._gathered.add(item)
        if self._asleep is not None:
            self._wake()

    def _wake(self) -> None:
        asleep, self._asleep = self._asleep, None
        if asleep is not None and not asleep.done():
            asleep.set_result(None)

    async def drain(self) -> None:
        """Write what has gathered, and take nothing more."""
        if not self._closed:
            self._closed = True
            self._looks.cancel()
            self._wake()
            await self._loop

    async def close(self) -> None:
        """Write what has gathered, then close the connection."""
        await self.drain()
        await self._connection.close()

    async def _run(self) -> None:
        loop, turn_s = asyncio.get_running_loop(), 0.0
        gathered = self._gathered.lines
        while gathered or not self._closed:
            if not (gathered or self._look_is_due):
                self._asleep = loop.create_future()
                await self._asleep
                turn_s = loop.time()
            elif loop.time() - turn_s > self.slice_s:
                await asyncio.sleep(0)
                turn_s = loop.time()
            self._look_is_due = False
            batch = self._gathered.take()
            if not batch and not self._closed and not self.health.trouble:
                self._look_at_the_place()
                continue
            await self._write(batch)
            if not self.health.is_over:
                try:
                    if (upkeep := self._after_batch(self._connection)) is not None:
                        await upkeep
                except DatabaseError as failure:
                    self.health.met(failure)

    def _look_at_the_place(self) -> None:
        if why := self._place.displaced():
            self.health.met(Displaced(why))

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self._look_is_due = True
            self._wake()

    async def _write(self, batch: Sequence[Append | Task]) -> None:
        """Write one transaction; tell everybody after its commit, or why there was none."""
        began, failed = time.perf_counter(), False
        answers: Sequence[Any]
        self.health.began_s = time.monotonic()
        try:
            if self.health.is_over:
                raise Unavailable(str(self.health.trouble))
            if why := self._place.displaced():
                raise Displaced(why)
            must_change = self.health.trouble is not None
            rows = 0
            for item in batch:
                rows += item.rows
            answers = await self._connection.transact(
                Transaction(batch, must_change=must_change), rows
            )
            if self.health.trouble is not None:
                self.health.well()
        except Exception as failure:  # noqa: BLE001 - the writer must outlive every failure
            self.health.met(failure)
            # A commit that raised may have happened all the same: nobody is told either way.
            answers = [Unavailable(self.health.trouble or str(failure))] * len(batch)
            failed = True
        self.health.began_s = None
        self.counters.written(len(batch), time.perf_counter() - began, failed=failed)
        until_s = time.perf_counter() + _TOLD_S
        for number, (item, answer) in enumerate(zip(batch, answers, strict=True), 1):
            item.told(answer)
            if number % _TOLD_AT_ONCE == 0 and time.perf_counter() > until_s:
                await asyncio.sleep(0)
                until_s = time.perf_counter() + _TOLD_S


def _noted(connection: Connection, work: Work, note: ChangeNote) -> Any:
    result = work(connection)
    write_entry(connection, note, result)
    return result


def tell(done: asyncio.Future[Any], answer: Any) -> None:
    """Wake one waiter, unless it has gone away."""
    if done.done():
        return
    if isinstance(answer, BaseException):
        done.set_exception(answer)
        done.exception()  # who waited for it may be gone
    else:
        done.set_result(answer)
