"""Uploaded files: their bytes are in the storage, their owner and name in the journal."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager

from app.clock import Clock
from app.files.spool import StorageError
from app.files.storage import Storage
from engine import Json, JsonObject
from engine.value import value
from journal import FileRow, Journal, UnknownFile
from steps.contract.step_type import Problem, StepBroke
from steps.effects.stored_file import StoredFile
from steps.fields.fields import Fields

_MADE = uuid.UUID("6f0c2f8e-0b0c-4a86-9a0e-5f3f3d2a7c11")
"""The UUID namespace for the ids of files that steps make."""


@value(frozen=True, slots=True)
class Upload:
    """A file as it was sent; the name is metadata and never a path."""

    name: str
    media_type: str
    content: bytes


@value(frozen=True, slots=True)
class Incoming:
    """A file that is being received.

    Attributes:
        write: Takes the next bytes; raises `StorageError`.
        keep: Stores the file under a name and with a media type; durable when it returns.
    """

    write: Callable[[bytes], Awaitable[None]]
    keep: Callable[[str, str], Awaitable[FileRow]]


class Files:
    """The files of all tenants."""

    def __init__(self, journal: Journal, storage: Storage, clock: Clock) -> None:
        self._journal = journal
        self._storage = storage
        self._clock = clock
        self.watch = storage.watch

    @property
    def trouble(self) -> str | None:
        """Why no file can be stored or read, as far as is known; for operators."""
        return self._storage.trouble

    async def store(self, tenant: str, upload: Upload, made: str = "") -> FileRow:
        """Store an upload; durable when this returns.

        If `made` is the same again, with the same bytes and name, the result is the same file.
        """
        async with self.receive(tenant, made) as incoming:
            await incoming.write(upload.content)
            return await incoming.keep(upload.name, upload.media_type)

    @asynccontextmanager
    async def receive(self, tenant: str, made: str = "") -> AsyncIterator[Incoming]:
        """Receive a file piece by piece; nothing is left of it unless it is kept.

        Raises:
            StorageError: It cannot be stored now.
        """
        async with self._storage.receive() as spool:

            async def keep(name: str, media_type: str) -> FileRow:
                sha256 = await spool.keep()
                identity = f"{tenant}\0{made}\0{sha256}\0{name}"
                row = FileRow(
                    id=str(uuid.uuid5(_MADE, identity) if made else uuid.uuid4()),
                    tenant=tenant,
                    sha256=sha256,
                    name=name,
                    media_type=media_type,
                    size=spool.size,
                    created_at_ms=self._clock.now_ms(),
                )
                await self._journal.files.create(row)
                return row

            yield Incoming(spool.write, keep)

    async def about(self, tenant: str, file_id: str) -> FileRow:
        """Return what is known of a tenant's file. Raises `UnknownFile`."""
        return await self._journal.files.get(tenant, file_id)

    async def unknown_in(
        self, tenant: str, fields: Fields, data: JsonObject, sent: Collection[str] = ()
    ) -> list[Problem]:
        """Do the same as `unknown_files`; fields whose file was `sent` have no id yet."""
        given = {name: item for name, item in data.items() if name not in sent}
        return await unknown_files(self._journal, tenant, fields, given)

    async def read(self, tenant: str, file_id: str) -> tuple[FileRow, bytes]:
        """Return a tenant's file. Raises `UnknownFile` or `StorageError`."""
        row = await self._journal.files.get(tenant, file_id)
        return row, await self._storage.get(row.sha256)

    async def save(self, tenant: str, made: str, name: str, media_type: str, content: bytes) -> str:
        """Store a file for the call that `made` names, and return its id. Raises `StepBroke`."""
        try:
            row = await self.store(tenant, Upload(name, media_type, content), made)
        except StorageError as away:
            raise StepBroke("StorageUnavailable", str(away)) from away
        return row.id

    async def read_for_step(self, tenant: str, file_id: str) -> StoredFile:
        """Read a file for a step. Raises `StepBroke`."""
        try:
            row, content = await self.read(tenant, file_id)
        except UnknownFile as missing:
            raise StepBroke("FileNotFound", str(missing), retryable=False) from missing
        except StorageError as away:
            raise StepBroke("StorageUnavailable", str(away)) from away
        return StoredFile(row.id, row.name, row.media_type, content)


async def unknown_files(
    journal: Journal, tenant: str, fields: Fields, data: Mapping[str, Json], path: str = "data"
) -> list[Problem]:
    """Return a problem for each id in file fields that names no file of the tenant."""
    return await unknown_ids(journal, tenant, fields.file_ids(data, path))


async def unknown_ids(
    journal: Journal, tenant: str, ids: Iterable[tuple[str, str]]
) -> list[Problem]:
    """Return a problem for each path whose id names no file of the tenant."""
    named = [*dict.fromkeys(ids)]
    known = await journal.files.known(tenant, {id_ for _, id_ in named}) if named else ()
    return [Problem(path, "is not the id of a file") for path, id_ in named if id_ not in known]


def attachment_of(row: FileRow) -> JsonObject:
    """Return the description of a file that a run sees."""
    return {
        "fileId": row.id,
        "fileName": row.name,
        "mimeType": row.media_type,
        "size": row.size,
    }
