"""Uploaded files: bytes in the storage, and whose they are in the journal."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.clock import Clock
from app.files.storage import Storage, StorageError
from journal import FileRow, Journal, UnknownFile
from steps.contract import (
    StepBroke,
)
from steps.effects import (
    StoredFile,
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came; the name is metadata and never a path."""

    name: str
    media_type: str
    content: bytes


class Files:
    """The files of all tenants."""

    def __init__(self, journal: Journal, storage: Storage, clock: Clock) -> None:
        self._journal = journal
        self._storage = storage
        self._clock = clock

    async def store(self, tenant: str, upload: Upload) -> FileRow:
        """Keep an upload; durable when this returns."""
        sha256 = await self._storage.put(upload.content)
        row = FileRow(
            id=str(uuid.uuid4()),
            tenant=tenant,
            sha256=sha256,
            name=upload.name,
            media_type=upload.media_type,
            size=len(upload.content),
            created_at_ms=self._clock.now_ms(),
        )
        await self._journal.files.create(row)
        return row

    async def read(self, tenant: str, file_id: str) -> tuple[FileRow, bytes]:
        """Return a file of the tenant. Raises `UnknownFile` or `StorageError`."""
        row = await self._journal.files.get(tenant, file_id)
        return row, await self._storage.get(row.sha256)

    def reader(self, tenant: str) -> Callable[[str], Awaitable[StoredFile]]:
        """Return what reads one tenant's files for steps."""

        async def read(file_id: str) -> StoredFile:
            try:
                row, content = await self.read(tenant, file_id)
            except UnknownFile as missing:
                raise StepBroke("FileNotFound", str(missing), retryable=False) from missing
            except StorageError as away:
                raise StepBroke("StorageUnavailable", str(away)) from away
            return StoredFile(row.id, row.name, row.media_type, content)

        return read
