"""The owners of stored files; the bytes are stored elsewhere, by their hash."""

import json
from collections.abc import Collection
from dataclasses import astuple

from engine.value import value
from journal.connection import Connection
from journal.errors import UnknownFile
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class FileRow:
    """One uploaded file; the name is what the client called it and never a path."""

    id: str
    tenant: str
    sha256: str
    name: str
    media_type: str
    size: int
    created_at_ms: int


class FileTable:
    """The files of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def create(self, row: FileRow) -> None:
        """Store the row of a file whose bytes are stored, unless it exists; durable on return."""

        def work(connection: Connection) -> None:
            connection.execute(
                f"{insert_into('files', FileRow)} ON CONFLICT (id) DO NOTHING", astuple(row)
            )

        await self._writer.write(work)

    async def known(self, tenant: str, ids: Collection[str]) -> set[str]:
        """Return those of the ids that name files of a tenant."""
        found = await self._readers.all(
            "SELECT id FROM files WHERE tenant = ?"
            " AND id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (tenant, json.dumps(sorted(ids))),
        )
        return {id_ for (id_,) in found}

    async def get(self, tenant: str, file_id: str) -> FileRow:
        """Return a file's row. Raises `UnknownFile`, also for another tenant's file."""
        row = await self._readers.by_key(
            f"SELECT {columns(FileRow)} FROM files WHERE id = ? AND tenant = ?", (file_id, tenant)
        )
        if row is None:
            raise UnknownFile(file_id)
        return FileRow(*row)
