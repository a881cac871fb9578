"""Triggers: start runs at a request, a form or the end of another run."""

from collections.abc import Mapping
from dataclasses import astuple

from engine.value import value
from journal.connection import Connection
from journal.errors import ChangedMeanwhile, TooManyTriggers, UnknownTrigger
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.tables.firings import KEPT, Firing, note
from journal.tables.requests import ArrivedRequest, keep
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class TriggerRow:
    """One trigger; times are Unix milliseconds.

    Attributes:
        kind: `request`, `form` or `run`.
        document: Its definition, as JSON text.
        address: The SHA-256 of its address; None for one without.
        sealed: The address, sealed.
        position: All ends of runs up to here have been handled; None if it waits for none, and
            while it is paused.
    """

    tenant: str
    id: str
    kind: str
    document: str
    address: bytes | None
    sealed: bytes | None
    position: int | None
    created_at_ms: int
    updated_at_ms: int

    @property
    def source(self) -> str:
        """The source name of its firings."""
        return f"trigger:{self.id}"

    @property
    def refused(self) -> str:
        """The source name of refused requests' firings, which do not displace others."""
        return f"refused:{self.id}"


_SELECT = f"SELECT {columns(TriggerRow)} FROM triggers"


class TriggerTable:
    """The triggers of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, row: TriggerRow, most: int, before: TriggerRow | None) -> None:
        """Store a trigger, replacing the one of its id; durable when this returns.

        If it waited for ends of runs before, its position stays.

        Raises:
            TooManyTriggers: The tenant has `most` others.
            ChangedMeanwhile: The stored trigger is no longer `before`.
        """

        def work(connection: Connection) -> None:
            others = connection.execute(
                "SELECT count(*) FROM triggers WHERE tenant = ? AND id <> ?", (row.tenant, row.id)
            ).fetchone()
            if others[0] >= most:
                raise TooManyTriggers(most)
            kept = connection.execute(
                "SELECT updated_at_ms FROM triggers WHERE tenant = ? AND id = ?",
                (row.tenant, row.id),
            ).fetchone()
            if (kept and kept[0]) != (before and before.updated_at_ms):
                raise ChangedMeanwhile("trigger", row.id)
            connection.execute(
                f"{insert_into('triggers', TriggerRow)} ON CONFLICT (tenant, id) DO UPDATE SET"
                " kind = excluded.kind, document = excluded.document, address = excluded.address,"
                " sealed = excluded.sealed, updated_at_ms = excluded.updated_at_ms, position ="
                " iif(excluded.position IS NULL, NULL,"
                " coalesce(triggers.position, excluded.position))",
                astuple(row),
            )

        await self._writer.write(work)

    async def delete(self, tenant: str, trigger_id: str) -> None:
        """Forget a trigger, its firings and its requests. Raises `UnknownTrigger`."""

        def work(connection: Connection) -> None:
            which = (tenant, trigger_id)
            gone = connection.execute("DELETE FROM triggers WHERE tenant = ? AND id = ?", which)
            if gone.rowcount == 0:
                raise UnknownTrigger(trigger_id)
            for kind in ("trigger", "refused"):
                connection.execute(
                    "DELETE FROM firings WHERE tenant = ? AND source = ?",
                    (tenant, f"{kind}:{trigger_id}"),
                )

        await self._writer.write(work, UNCOUNTED)

    async def note(
        self, row: TriggerRow, firing: Firing, request: ArrivedRequest | None, kept: int = KEPT
    ) -> None:
        """Store a firing and its request, keeping the newest `kept`.

        For a trigger that is gone, nothing is stored.
        """

        def work(connection: Connection) -> None:
            there = connection.execute(
                "SELECT 1 FROM triggers WHERE tenant = ? AND id = ?", (row.tenant, row.id)
            ).fetchone()
            if there:
                position = note(connection, row.tenant, firing, kept)
                if request is not None:
                    keep(connection, row.tenant, position, firing.source, request)

        await self._writer.write(work)

    async def move(self, tenant: str, position: int) -> None:
        """Record that all ends of a tenant's runs up to a position have been handled."""

        def work(connection: Connection) -> None:
            connection.execute(
                "UPDATE triggers SET position = ? WHERE tenant = ? AND position < ?",
                (position, tenant, position),
            )

        await self._writer.write(work)

    async def seal(self, sealed: Mapping[tuple[str, str], bytes]) -> None:
        """Replace stored addresses by newly sealed ones, by (tenant, id)."""

        def work(connection: Connection) -> None:
            connection.executemany(
                "UPDATE triggers SET sealed = ? WHERE tenant = ? AND id = ?",
                [(resealed, *which) for which, resealed in sealed.items()],
            )

        await self._writer.write(work)

    async def get(self, tenant: str, trigger_id: str) -> TriggerRow:
        """Return a trigger. Raises `UnknownTrigger`."""
        row = await self._readers.one(
            f"{_SELECT} WHERE tenant = ? AND id = ?", (tenant, trigger_id)
        )
        if row is None:
            raise UnknownTrigger(trigger_id)
        return TriggerRow(*row)

    async def of_tenant(self, tenant: str) -> list[TriggerRow]:
        """Return a tenant's triggers, by id."""
        rows = await self._readers.all(f"{_SELECT} WHERE tenant = ? ORDER BY id", (tenant,))
        return [TriggerRow(*row) for row in rows]

    async def waiting(self, tenant: str) -> list[TriggerRow]:
        """Return a tenant's triggers that wait for ends of runs, by how far they have come."""
        rows = await self._readers.all(
            f"{_SELECT} WHERE tenant = ? AND position IS NOT NULL ORDER BY position, id", (tenant,)
        )
        return [TriggerRow(*row) for row in rows]

    async def tenants_waiting(self) -> list[str]:
        """Return the tenants that have triggers which wait for ends of runs."""
        rows = await self._readers.all(
            "SELECT DISTINCT tenant FROM triggers WHERE position IS NOT NULL"
        )
        return [tenant for (tenant,) in rows]

    async def addresses(self) -> dict[bytes, tuple[str, str]]:
        """Return (tenant, id) of each trigger with an address, by the SHA-256 of the address."""
        rows = await self._readers.all(
            "SELECT address, tenant, id FROM triggers WHERE address IS NOT NULL"
        )
        return {address: (tenant, trigger_id) for address, tenant, trigger_id in rows}

    async def sealed(self) -> list[TriggerRow]:
        """Return the triggers of all tenants that have an address."""
        rows = await self._readers.all(f"{_SELECT} WHERE sealed IS NOT NULL")
        return [TriggerRow(*row) for row in rows]
