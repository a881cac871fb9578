"""The models that tenants name, as JSON text that the caller has checked."""

from dataclasses import astuple

from engine.value import value
from journal.connection import Connection
from journal.errors import UnknownModel
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class ModelRow:
    """One tenant's model; times are Unix milliseconds."""

    tenant: str
    name: str
    document: str
    created_at_ms: int
    updated_at_ms: int


_SELECT = f"SELECT {columns(ModelRow)} FROM models"


class ModelTable:
    """The models of all tenants; every method is bound to one."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, tenant: str, name: str, document: str, now_ms: int) -> None:
        """Store a model, replacing one of that name; durable when this returns."""

        def work(connection: Connection) -> None:
            connection.execute(
                f"{insert_into('models', ModelRow)} ON CONFLICT (tenant, name) DO UPDATE"
                " SET document = excluded.document, updated_at_ms = excluded.updated_at_ms",
                astuple(ModelRow(tenant, name, document, now_ms, now_ms)),
            )

        await self._writer.write(work)

    async def get(self, tenant: str, name: str) -> ModelRow:
        """Return a model. Raises `UnknownModel`, also for another tenant's."""
        row = await self._readers.by_key(f"{_SELECT} WHERE tenant = ? AND name = ?", (tenant, name))
        if row is None:
            raise UnknownModel(name)
        return ModelRow(*row)

    async def all(self, tenant: str) -> list[ModelRow]:
        """Return a tenant's models by name."""
        rows = await self._readers.all(f"{_SELECT} WHERE tenant = ? ORDER BY name", (tenant,))
        return [ModelRow(*row) for row in rows]

    async def is_named(self, name: str) -> bool:
        """Return whether a tenant has a model of this name."""
        sql = "SELECT EXISTS (SELECT 1 FROM models WHERE name = ?)"
        ((found,),) = await self._readers.all(sql, (name,))
        return bool(found)

    async def delete(self, tenant: str, name: str) -> None:
        """Forget a model. Raises `UnknownModel`."""

        def work(connection: Connection) -> None:
            changed = connection.execute(
                "DELETE FROM models WHERE tenant = ? AND name = ?", (tenant, name)
            )
            if changed.rowcount == 0:
                raise UnknownModel(name)

        await self._writer.write(work)
