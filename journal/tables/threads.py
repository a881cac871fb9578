"""Conversations of agents: questions and answers, with one writer at a time."""

from engine.value import value
from journal.connection import Connection
from journal.errors import ThreadInUse, ThreadOfAnother, UnknownThread
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class ThreadRow:
    """A thread; times are Unix milliseconds."""

    id: str
    agent_id: str
    length: int
    created_at_ms: int
    updated_at_ms: int


@value(frozen=True, slots=True)
class ExchangeRow:
    """A question to an agent, and its answer."""

    number: int
    run_id: str
    message: str
    answer: str
    at_ms: int


class ThreadTable:
    """The threads of all tenants; every method is bound to one."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def claim(  # noqa: PLR0913 - what a claim is
        self, tenant: str, thread_id: str, agent_id: str, run: str, execution: int, now_ms: int
    ) -> int:
        """Begin to write to a thread, creating it if necessary; return its length.

        Raises `ThreadInUse` while another step writes, `ThreadOfAnother` for another agent's
        thread.
        """
        number = run_number(run)

        def work(connection: Connection) -> int:
            row = connection.execute(
                "SELECT agent_id, t.run, t.execution, length, r.id IS NOT NULL"
                " AND r.ended_at_ms IS NULL AND r.executions = t.execution"
                " AND r.step_id IS NOT NULL FROM threads t LEFT JOIN runs r ON r.id = t.run"
                " WHERE t.tenant = ? AND t.id = ?",
                (tenant, thread_id),
            ).fetchone()
            if row is not None:
                owner, holder, held, length, is_open = row
                if owner != agent_id:
                    raise ThreadOfAnother(thread_id, owner)
                if is_open and (holder, held) != (number, execution):
                    raise ThreadInUse(thread_id, run_id(holder))
            else:
                length = 0
            connection.execute(
                "INSERT INTO threads (tenant, id, agent_id, run, execution, created_at_ms,"
                " updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO UPDATE"
                " SET run = excluded.run, execution = excluded.execution",
                (tenant, thread_id, agent_id, number, execution, now_ms, now_ms),
            )
            return int(length)

        length: int = await self._writer.write(work)
        return length

    async def add(self, tenant: str, thread_id: str, exchange: ExchangeRow) -> None:
        """Add an exchange, unless the thread has one of that number."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO exchanges VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    tenant,
                    thread_id,
                    exchange.number,
                    run_number(exchange.run_id),
                    exchange.message,
                    exchange.answer,
                    exchange.at_ms,
                ),
            )
            connection.execute(
                "UPDATE threads SET length = CASE WHEN length < ? THEN ? ELSE length END,"
                " updated_at_ms = ? WHERE tenant = ? AND id = ?",
                (exchange.number, exchange.number, exchange.at_ms, tenant, thread_id),
            )

        await self._writer.write(work)

    async def exchanges(self, tenant: str, thread_id: str, length: int) -> list[ExchangeRow]:
        """Return the first exchanges of a thread, oldest first."""
        rows = await self._readers.all(
            "SELECT number, run, message, answer, at_ms FROM exchanges"
            " WHERE tenant = ? AND thread = ? AND number <= ? ORDER BY number",
            (tenant, thread_id, length),
        )
        return [
            ExchangeRow(n, run_id(run), said, answered, at) for n, run, said, answered, at in rows
        ]

    async def get(self, tenant: str, thread_id: str) -> ThreadRow:
        """Return a thread. Raises `UnknownThread`, also for another tenant's."""
        row = await self._readers.by_key(
            "SELECT id, agent_id, length, created_at_ms, updated_at_ms FROM threads"
            " WHERE tenant = ? AND id = ?",
            (tenant, thread_id),
        )
        if row is None:
            raise UnknownThread(thread_id)
        return ThreadRow(*row)

    async def forget(self, before_ms: int, most: int) -> int:
        """Delete threads without an exchange since a moment, at most `most`; return how many.

        A thread to which a step is writing stays.
        """

        def work(connection: Connection) -> int:
            rows = connection.execute(
                "SELECT t.tenant, t.id FROM threads t LEFT JOIN runs r ON r.id = t.run"
                " AND r.ended_at_ms IS NULL AND r.executions = t.execution"
                " AND r.step_id IS NOT NULL WHERE t.updated_at_ms < ? AND r.id IS NULL LIMIT ?",
                (before_ms, most),
            ).fetchall()
            for place in rows:
                connection.execute("DELETE FROM exchanges WHERE tenant = ? AND thread = ?", place)
                connection.execute("DELETE FROM threads WHERE tenant = ? AND id = ?", place)
            return len(rows)

        count: int = await self._writer.write(work, UNCOUNTED)
        return count

    async def delete(self, tenant: str, thread_id: str) -> None:
        """Delete a thread with all its exchanges. Raises `UnknownThread`."""

        def work(connection: Connection) -> None:
            gone = connection.execute(
                "DELETE FROM threads WHERE tenant = ? AND id = ?", (tenant, thread_id)
            )
            if gone.rowcount == 0:
                raise UnknownThread(thread_id)
            connection.execute(
                "DELETE FROM exchanges WHERE tenant = ? AND thread = ?", (tenant, thread_id)
            )

        await self._writer.write(work, UNCOUNTED)
