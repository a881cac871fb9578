"""The one writer: all that has gathered goes into one transaction, then all are told.

While a transaction is being written the next ones gather, so that under load many appends
share one flush of the disk. Nobody is told before the commit has returned. aiosqlite costs a
thread hop a call, so a whole batch of appends is two statements.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiosqlite

from journal.errors import JournalError, Unavailable
from journal.figures import WriterFigures
from journal.health import Health

Row: TypeAlias = tuple[Any, ...]
Work: TypeAlias = Callable[[aiosqlite.Connection], Awaitable[Any]]

_LARGEST_BATCH = 2_000
_TRY_EVERY_S = 1.0
_TRY = """
    INSERT INTO meta VALUES ('tried', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1
"""

INSERT_EVENTS = """
    INSERT INTO events (run, seq, type, schema, at_ms, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
PROJECT_RUN = """
    INSERT INTO runs (id, tenant, workflow_id, version, status, state, step_id, seq,
                      started_at_ms, updated_at_ms, ended_at_ms, due_at_ms, executions,
                      attempt, parent, parent_execution, parent_attempt, item, head)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
        status = excluded.status, state = excluded.state, step_id = excluded.step_id,
        seq = excluded.seq, updated_at_ms = excluded.updated_at_ms,
        ended_at_ms = excluded.ended_at_ms, due_at_ms = excluded.due_at_ms,
        executions = excluded.executions, attempt = excluded.attempt, head = excluded.head
"""


@dataclass(slots=True)
class Append:
    """Events of one run or several, as rows, with each run's row as it stands after them.

    `conflict` is what its waiter gets when another append was first.
    """

    events: Sequence[Row]
    runs: Sequence[Row]
    conflict: JournalError
    done: asyncio.Future[Any] = field(default_factory=asyncio.Future)


@dataclass(slots=True)
class Task:
    """Any other write, in a savepoint of its own."""

    work: Work
    done: asyncio.Future[Any] = field(default_factory=asyncio.Future)


class Writer:
    """Owns the writing connection; everything that changes the database goes through it."""

    def __init__(
        self,
        connection: aiosqlite.Connection,
        after_batch: Callable[[aiosqlite.Connection], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._after_batch = after_batch
        self._queue: asyncio.Queue[Append | Task | None] = asyncio.Queue()
        self._loop = asyncio.create_task(self._run())
        self._closed = False
        self.health = Health()
        self.figures = WriterFigures()

    async def append(
        self, events: Sequence[Row], runs: Sequence[Row], conflict: JournalError
    ) -> None:
        """Append events, all or none; durable when this returns.

        Raises `conflict` or `Unavailable`.
        """
        await self._submit(Append(events, runs, conflict))

    async def write(self, work: Work) -> Any:
        """Run `work` inside a transaction and give its result; durable when this returns."""
        return await self._submit(Task(work))

    async def drain(self) -> None:
        """Write what has gathered, and take nothing more."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
            await self._loop

    async def close(self) -> None:
        """Write what has gathered, then close the connection."""
        await self.drain()
        await self._connection.close()

    async def _submit(self, item: Append | Task) -> Any:
        if self._closed or self.health.is_over:
            raise Unavailable(self.health.trouble or "it is closed")
        self.figures.queued += 1
        self._queue.put_nowait(item)
        return await item.done

    async def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = await self._gather()
            await self._write(batch)
            if not self.health.is_over:
                await self._look_after_the_file()

    async def _look_after_the_file(self) -> None:
        try:
            await self._after_batch(self._connection)
        except sqlite3.Error as failure:
            self.health.met(failure)

    async def _gather(self) -> tuple[Sequence[Append | Task], bool]:
        """Give what has gathered, and whether it is the last; nothing means: try to write."""
        batch: list[Append | Task] = []
        try:
            async with asyncio.timeout(_TRY_EVERY_S if self.health.trouble else None):
                item = await self._queue.get()
        except TimeoutError:
            return batch, False
        while item is not None:
            batch.append(item)
            if len(batch) == _LARGEST_BATCH or self._queue.empty():
                return batch, False
            item = self._queue.get_nowait()
        return batch, True

    async def _write(self, batch: Sequence[Append | Task]) -> None:
        """Write one transaction; tell everybody after its commit, or why there was none."""
        appends = [item for item in batch if isinstance(item, Append)]
        tasks = [item for item in batch if isinstance(item, Task)]
        answers: list[tuple[asyncio.Future[Any], Any]] = []
        began, failed = time.perf_counter(), False
        try:
            if self.health.is_over:
                raise Unavailable(str(self.health.trouble))
            await self._sql("BEGIN IMMEDIATE")
            if self.health.trouble:
                await self._sql(_TRY)
            if appends and not await self._append_all(appends, answers):
                for item in appends:
                    await self._one(item.done, self._append_work(item), answers, item.conflict)
            for task in tasks:
                await self._one(task.done, task.work, answers)
            await self._sql("COMMIT")
            self.health.well()
        except Exception as failure:  # noqa: BLE001 - the writer must outlive every failure
            self.health.met(failure)
            await self._roll_back()
            # A commit that raised may have happened all the same: nobody is told either way.
            unknown = Unavailable(self.health.trouble or str(failure))
            answers = [(item.done, unknown) for item in batch]
            failed = True
        self.figures.written(len(batch), time.perf_counter() - began, failed=failed)
        for done, answer in answers:
            _tell(done, answer)

    async def _append_all(
        self, appends: Sequence[Append], answers: list[tuple[asyncio.Future[Any], Any]]
    ) -> bool:
        """Append everything in two statements; False when one of them conflicts."""
        if len(appends) > 1:
            await self._sql("SAVEPOINT appends")
        try:
            await self._connection.executemany(
                PROJECT_RUN, [row for item in appends for row in item.runs]
            )
            await self._connection.executemany(
                INSERT_EVENTS, [row for item in appends for row in item.events]
            )
        except sqlite3.IntegrityError:
            if len(appends) == 1:
                await self._sql("ROLLBACK")
                await self._sql("BEGIN IMMEDIATE")
                answers.append((appends[0].done, appends[0].conflict))
                return True
            await self._sql("ROLLBACK TO appends")
            return False
        answers.extend((item.done, None) for item in appends)
        return True

    @staticmethod
    def _append_work(item: Append) -> Work:
        async def work(connection: aiosqlite.Connection) -> None:
            await connection.executemany(PROJECT_RUN, item.runs)
            await connection.executemany(INSERT_EVENTS, item.events)

        return work

    async def _one(
        self,
        done: asyncio.Future[Any],
        work: Work,
        answers: list[tuple[asyncio.Future[Any], Any]],
        conflict: JournalError | None = None,
    ) -> None:
        """Do one write in a savepoint, so that its failure is its own."""
        await self._sql("SAVEPOINT one")
        try:
            answer = await work(self._connection)
        except sqlite3.IntegrityError as clash:
            await self._sql("ROLLBACK TO one")
            answer = conflict or clash
        except sqlite3.Error:
            raise  # the database is in trouble, so the whole batch is
        except Exception as refused:  # noqa: BLE001 - handed to the one who asked
            await self._sql("ROLLBACK TO one")
            answer = refused
        await self._sql("RELEASE one")
        answers.append((done, answer))

    async def _sql(self, statement: str) -> None:
        await self._connection.execute_fetchall(statement)

    async def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                await self._sql("ROLLBACK")
        except (sqlite3.Error, ValueError):
            pass  # SQLite has rolled back by itself, or the next BEGIN will say what is wrong


def _tell(done: asyncio.Future[Any], answer: Any) -> None:
    """Wake one waiter, unless it has gone away."""
    if done.done():
        return
    if isinstance(answer, BaseException):
        done.set_exception(answer)
    else:
        done.set_result(answer)
