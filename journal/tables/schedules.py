"""Schedules: what is started at which moments, and how far each schedule has come."""

from dataclasses import astuple

from engine.value import value
from journal.connection import Connection
from journal.errors import ChangedMeanwhile, TooManySchedules, UnknownSchedule
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.rows.run_ids import run_id, run_number
from journal.tables.firings import Firing, note
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class ScheduleRow:
    """One schedule; times are Unix milliseconds.

    Attributes:
        document: Its definition, as JSON text.
        next_at_ms: Its first moment that has not been handled; None while it is paused.
        due_at_ms: The same with jitter added.
        last_run: The number of the run that it started last.
    """

    tenant: str
    id: str
    document: str
    next_at_ms: int | None
    due_at_ms: int | None
    last_run: int | None
    created_at_ms: int
    updated_at_ms: int

    @property
    def source(self) -> str:
        """The source name of its firings."""
        return f"schedule:{self.id}"

    @property
    def last_run_id(self) -> str | None:
        """The run that it started last."""
        return None if self.last_run is None else run_id(self.last_run)


_SELECT = f"SELECT {columns(ScheduleRow)} FROM schedules"


class ScheduleTable:
    """The schedules of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, row: ScheduleRow, most: int, before: ScheduleRow | None) -> None:
        """Store a schedule, replacing the one of its id; durable when this returns.

        Its last run stays known. Raises `TooManySchedules`, and `ChangedMeanwhile` if the stored
        schedule is no longer `before`.
        """

        def work(connection: Connection) -> None:
            others = connection.execute(
                "SELECT count(*) FROM schedules WHERE tenant = ? AND id <> ?", (row.tenant, row.id)
            ).fetchone()
            if others[0] >= most:
                raise TooManySchedules(most)
            kept = connection.execute(
                "SELECT updated_at_ms FROM schedules WHERE tenant = ? AND id = ?",
                (row.tenant, row.id),
            ).fetchone()
            if (kept and kept[0]) != (before and before.updated_at_ms):
                raise ChangedMeanwhile("schedule", row.id)
            connection.execute(
                f"{insert_into('schedules', ScheduleRow)} ON CONFLICT (tenant, id) DO UPDATE SET"
                " document = excluded.document, next_at_ms = excluded.next_at_ms,"
                " due_at_ms = excluded.due_at_ms, updated_at_ms = excluded.updated_at_ms",
                astuple(row),
            )

        await self._writer.write(work)

    async def delete(self, tenant: str, schedule_id: str) -> None:
        """Forget a schedule and its firings. Raises `UnknownSchedule`."""

        def work(connection: Connection) -> None:
            which = (tenant, schedule_id)
            gone = connection.execute("DELETE FROM schedules WHERE tenant = ? AND id = ?", which)
            if gone.rowcount == 0:
                raise UnknownSchedule(schedule_id)
            connection.execute(
                "DELETE FROM firings WHERE tenant = ? AND source = 'schedule:' || ?", which
            )

        await self._writer.write(work, UNCOUNTED)

    async def note(self, row: ScheduleRow, firing: Firing) -> None:
        """Store the result of one moment; for a schedule that is gone, nothing is stored."""

        def work(connection: Connection) -> None:
            number = None if firing.run_id is None else run_number(firing.run_id)
            there = connection.execute(
                "UPDATE schedules SET last_run = coalesce(?, last_run) WHERE tenant = ? AND id = ?",
                (number, row.tenant, row.id),
            )
            if there.rowcount:
                note(connection, row.tenant, firing)

        await self._writer.write(work)

    async def move(self, row: ScheduleRow, next_at_ms: int | None, due_at_ms: int | None) -> None:
        """Move a schedule on to its next moment, unless it has been changed meanwhile."""

        def work(connection: Connection) -> None:
            connection.execute(
                "UPDATE schedules SET next_at_ms = ?, due_at_ms = ? WHERE tenant = ? AND id = ?"
                " AND next_at_ms IS ? AND updated_at_ms = ?",
                (next_at_ms, due_at_ms, row.tenant, row.id, row.next_at_ms, row.updated_at_ms),
            )

        await self._writer.write(work)

    async def get(self, tenant: str, schedule_id: str) -> ScheduleRow:
        """Return a schedule. Raises `UnknownSchedule`."""
        row = await self._readers.by_key(
            f"{_SELECT} WHERE tenant = ? AND id = ?", (tenant, schedule_id)
        )
        if row is None:
            raise UnknownSchedule(schedule_id)
        return ScheduleRow(*row)

    async def of_tenant(self, tenant: str) -> list[ScheduleRow]:
        """Return a tenant's schedules, by id."""
        rows = await self._readers.all(f"{_SELECT} WHERE tenant = ? ORDER BY id", (tenant,))
        return [ScheduleRow(*row) for row in rows]

    async def due(self, now_ms: int, after: tuple[int, str, str], limit: int) -> list[ScheduleRow]:
        """Return schedules that are due, the most overdue first.

        Those after `after`, which is (due at, tenant, id) of one.
        """
        rows = await self._readers.all(
            f"{_SELECT} WHERE due_at_ms <= ? AND (due_at_ms, tenant, id) > (?, ?, ?)"
            " ORDER BY due_at_ms, tenant, id LIMIT ?",
            (now_ms, *after, limit),
        )
        return [ScheduleRow(*row) for row in rows]

    async def next_due_ms(self) -> int | None:
        """Return when the next schedule is due; None if none is."""
        row = await self._readers.one(
            "SELECT due_at_ms FROM schedules WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms LIMIT 1"
        )
        return int(row[0]) if row else None

    async def active(self, after: tuple[str, str], limit: int) -> list[ScheduleRow]:
        """Return schedules that are not paused, after (tenant, id) of one."""
        rows = await self._readers.all(
            f"{_SELECT} WHERE (tenant, id) > (?, ?) AND due_at_ms IS NOT NULL"
            " ORDER BY tenant, id LIMIT ?",
            (*after, limit),
        )
        return [ScheduleRow(*row) for row in rows]
