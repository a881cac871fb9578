"""Variables of tenants, which expressions name."""

import json
from collections.abc import Collection
from dataclasses import astuple

from engine import Json, JsonObject
from engine.value import value
from journal.connection import Connection
from journal.errors import UnknownVariable
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class VariableRow:
    """One variable of a tenant; `value` is JSON text."""

    tenant: str
    name: str
    value: str
    created_at_ms: int
    updated_at_ms: int


class VariableTable:
    """The variables of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, tenant: str, name: str, value: Json, now_ms: int) -> VariableRow:
        """Store a variable, replacing one of that name; durable when this returns."""
        text = json.dumps(value, ensure_ascii=False)
        row = VariableRow(tenant, name, text, now_ms, now_ms)

        def work(connection: Connection) -> VariableRow:
            (created_at_ms,) = connection.execute(
                f"{insert_into('variables', VariableRow)} ON CONFLICT (tenant, name) DO UPDATE"
                " SET value = excluded.value, updated_at_ms = excluded.updated_at_ms"
                " RETURNING created_at_ms",
                astuple(row),
            ).fetchone()
            return VariableRow(tenant, name, text, created_at_ms, now_ms)

        kept: VariableRow = await self._writer.write(work)
        return kept

    async def of(self, tenant: str) -> list[VariableRow]:
        """Return the variables of a tenant, by name."""
        rows = await self._readers.all(
            f"SELECT {columns(VariableRow)} FROM variables WHERE tenant = ? ORDER BY name",
            (tenant,),
        )
        return [VariableRow(*row) for row in rows]

    async def named(self, tenant: str, names: Collection[str]) -> JsonObject:
        """Return the values of the variables with these names, as far as they exist."""
        found = await self._readers.all(
            "SELECT name, value FROM variables WHERE tenant = ?"
            " AND name IN (SELECT value FROM json_each(?)) ORDER BY name",
            (tenant, json.dumps(sorted(names))),
        )
        return {name: json.loads(value) for name, value in found}

    async def delete(self, tenant: str, name: str) -> None:
        """Remove a variable. Raises `UnknownVariable`."""

        def work(connection: Connection) -> None:
            removed = connection.execute(
                "DELETE FROM variables WHERE tenant = ? AND name = ?", (tenant, name)
            )
            if removed.rowcount == 0:
                raise UnknownVariable(name)

        await self._writer.write(work)
