"""The single writer: all gathered writes go into one transaction, then all are answered.

While a transaction is written the next writes gather, so under load many appends share one flush of
the disk. No write is answered before the commit has returned. If more has gathered than fits into
one transaction, tenants take turns (`journal/writing/write_queue.py`).
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
from journal.writing.health import Displaced, Health
from journal.writing.transaction import Append, Task, Transaction, Work
from journal.writing.write_queue import WriteQueue

_SETTLED_AT_ONCE = 4
_SETTLING_S = 0.00025
"""After so many answers, or so many seconds of them, the rest of the event loop gets a turn.

Answered runs go on from there, or wait in line for their turn.
"""

_SLICE_S = 0.002

_GATHERING = 2
_LONGEST_GATHERING_S = 0.001
"""For how long writes gather before the next transaction, while several tenants write.

That is `_GATHERING` times as long as the last transaction took, which was perhaps executed on the
loop's thread. Tenants compute in short turns then, so without this each write would be a
transaction, and most of the time would go to flushes.
"""

_IDLE_S = 0.00005
"""In an iteration of the event loop that is shorter, nobody has computed."""

_LOOK_EVERY_S = 0.5
"""How many seconds between looks at the file when nothing is written, and between retries."""


class Transacting(Protocol):
    """The one connection that writes."""

    async def transact(self, work: Any, rows: int, /) -> Any:
        """Do `work`, a transaction of `rows` rows, and return its result."""

    async def close(self) -> None:
        """Close it."""


class LoopTurns(Protocol):
    """Who computes on the event loop when several tenants do."""

    @property
    def is_clear(self) -> bool:
        """Whether nobody has computed in this iteration of the loop, or only one tenant does."""
        ...

    async def clear(self) -> None:
        """Let nobody compute until the next iteration of the loop, in which this returns."""

    def over(self) -> None:
        """Take notice that a transaction has ended; turns come in the next iteration."""


class Placed(Protocol):
    """Checks whether the database is still where it was."""

    def displaced(self) -> str | None:
        """Return what has happened to the database; None while it is in place."""


class Writer:
    """Owns the writing connection; every change of the database goes through it.

    Attributes:
        slice_s: For how many seconds transactions on the loop's thread, and what follows directly
            from each, may go on before others have a turn. Without it, the steps of one run could
            keep the loop until the run ends.
        turns: Who computes on the loop; None if nobody needs to be waited for.
    """

    def __init__(
        self,
        connection: Transacting,
        after_batch: Callable[[Any], Awaitable[None] | None],
        place: Placed,
        tenant: Callable[[], str] = lambda: "",
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Write on a connection; `tenant` returns the tenant of a write that does not name one."""
        self._now_s = now_s
        self._tenant = tenant
        self._connection: Any = connection
        self._place = place
        self._after_batch = after_batch
        self._queue = WriteQueue()
        self._asleep: asyncio.Future[None] | None = None
        self._look_is_due = False
        self._loop = asyncio.create_task(self._run())
        self._looks = asyncio.create_task(self._look_now_and_then())
        self._closed = False
        self._committed_s = self._took_s = 0.0
        self.slice_s = _SLICE_S
        self.turns: LoopTurns | None = None
        self.health = Health()
        self.counters = WriterCounters()

    async def write(self, work: Work, rows: int = 1) -> Any:
        """Run `work` inside a transaction and return its result; durable when this returns.

        With many `rows` it is written in a thread. The audit note of the current task is written
        with it.
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
        self.submit(Task(work, partial(resolve, done), self._tenant(), rows))
        return await done

    def submit(self, item: Append | Task) -> None:
        """Take a write; its `settle` is called once it is durable, or with why it is not.

        The reason is the write's own failure, the `conflict` of an append, or `Unavailable`. The
        last is given at once if the writer has stopped.
        """
        if self._closed or self.health.is_over:
            item.settle(Unavailable(self.health.trouble or "it is closed"))
            return
        self.counters.queued += 1
        self._queue.add(item)
        if self._asleep is not None:
            self._wake()

    def _wake(self) -> None:
        asleep, self._asleep = self._asleep, None
        if asleep is not None and not asleep.done():
            asleep.set_result(None)

    async def drain(self) -> None:
        """Write what has gathered, and accept nothing more."""
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
        try:
            await self._write_all()
        except Exception as failure:  # noqa: BLE001 - nobody awaits this task
            self._give_up(failure)

    async def _write_all(self) -> None:
        loop, turn_s = asyncio.get_running_loop(), 0.0
        lines = self._queue.lines
        while lines or not self._closed:
            if not (lines or self._look_is_due):
                self._asleep = loop.create_future()
                await self._asleep
                turn_s = loop.time()
            elif loop.time() - turn_s > self.slice_s:
                await asyncio.sleep(0)
                turn_s = loop.time()
            self._look_is_due = False
            if self.turns is not None and not self.turns.is_clear:
                await self.turns.clear()
            began_s = self._now_s()
            batch = self._queue.take(began_s)
            if not batch and not self._closed and not self.health.trouble:
                self._look_at_the_place()
                continue
            await self._write(batch, began_s)
            if self._queue.is_shared:
                await self._let_gather()
            if not self.health.is_over:
                try:
                    if (upkeep := self._after_batch(self._connection)) is not None:
                        await upkeep
                except DatabaseError as failure:
                    self.health.met(failure)

    def _give_up(self, failure: Exception) -> None:
        """Refuse every write from now on: after this fault nobody would answer them."""
        context = {"message": "the writer has failed", "exception": failure}
        asyncio.get_running_loop().call_exception_handler(context)
        self.health.end(f"the writer has failed ({type(failure).__name__})")
        while batch := self._queue.take(self._now_s()):
            for item in batch:
                item.settle(Unavailable(str(self.health.trouble)))

    async def _let_gather(self) -> None:
        """Let tenants compute for a while after a transaction, unless they have nothing to do."""
        until_s = self._committed_s + min(_GATHERING * self._took_s, _LONGEST_GATHERING_S)
        now_s = self._now_s()
        while now_s < until_s:
            before_s = now_s
            await asyncio.sleep(0)
            now_s = self._now_s()
            if now_s - before_s < _IDLE_S:
                return

    def _look_at_the_place(self) -> None:
        if why := self._place.displaced():
            self.health.met(Displaced(why))

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self._look_is_due = True
            self._wake()

    async def _write(self, batch: Sequence[Append | Task], began_s: float) -> None:
        """Write one transaction; answer all writes after its commit or failure."""
        failed = False
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
            if self.turns is not None:
                self.turns.over()
            if self.health.trouble is not None:
                self.health.well()
        except Exception as failure:  # noqa: BLE001 - the writer must outlive every failure
            self.health.met(failure)
            # A commit that raised may have happened all the same, so no result is certain.
            answers = [Unavailable(self.health.trouble or str(failure))] * len(batch)
            failed = True
        self.health.began_s = None
        self._committed_s = self._now_s()
        self._took_s = took_s = self._committed_s - began_s
        more_s = took_s - self._queue.quick_s
        self._queue.quick_s += more_s / (64 if more_s > 0 else 4)
        self.counters.written(len(batch), took_s, failed=failed)
        until_s = self._now_s() + _SETTLING_S
        for number, (item, answer) in enumerate(zip(batch, answers, strict=True), 1):
            try:
                item.settle(answer)
            except Exception as failure:  # noqa: BLE001 - others are still to be answered
                message = "the answer to a write failed"
                context = {"message": message, "exception": failure}
                asyncio.get_running_loop().call_exception_handler(context)
            if number % _SETTLED_AT_ONCE == 0 and self._now_s() > until_s:
                await asyncio.sleep(0)
                until_s = self._now_s() + _SETTLING_S


def _noted(connection: Connection, work: Work, note: ChangeNote) -> Any:
    result = work(connection)
    write_entry(connection, note, result)
    return result


def resolve(done: asyncio.Future[Any], answer: Any) -> None:
    """Resolve one waiting future, unless it has been cancelled."""
    if done.done():
        return
    if isinstance(answer, BaseException):
        done.set_exception(answer)
        done.exception()  # mark as retrieved: the waiting task may be gone
    else:
        done.set_result(answer)
