"""Stores the bytes of files under their SHA-256, so equal files are stored once."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from app.concurrency.in_thread import in_thread
from app.files.spool import Spool, StorageError
from journal import sync

_INCOMING = "incoming"
"""The folder of files that have not arrived completely."""

_NO_STORAGE = (
    "files need an S3 storage where the journal is in PostgreSQL: set storage to s3, and s3_bucket"
)


class Storage(ABC):
    """Stores bytes by their hash.

    Attributes:
        trouble: Why it cannot be used, as far as is known; for operators.
    """

    trouble: str | None = None

    async def watch(self) -> None:
        """Keep `trouble` current; return if the storage has none of its own."""
        return

    @abstractmethod
    def receive(self) -> AbstractAsyncContextManager[Spool]:
        """Return a file to write to piece by piece; nothing is left of it unless it is kept.

        Raises:
            StorageError: It cannot be stored now.
        """

    @abstractmethod
    async def get(self, sha256: str) -> bytes:
        """Return stored bytes. Raises `StorageError` if they are missing or damaged."""

    @abstractmethod
    def close(self) -> None:
        """Release what it holds open."""

    async def put(self, content: bytes) -> str:
        """Store bytes, durable when this returns, and return their SHA-256 in hexadecimal.

        Raises:
            StorageError: They cannot be stored now.
        """
        async with self.receive() as spool:
            await spool.write(content)
            return await spool.keep()


class NoStorage(Storage):
    """Stores nothing: a folder would belong to only one of the processes that share a journal."""

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Spool]:
        """Refuse. Raises `StorageError`."""
        raise StorageError(_NO_STORAGE)
        yield

    async def get(self, sha256: str) -> bytes:
        """Refuse. Raises `StorageError`."""
        raise StorageError(_NO_STORAGE)

    def close(self) -> None:
        """Do nothing."""


class FolderStorage(Storage):
    """Stores bytes in a folder, as `ab/cdef...`; a file never changes once it is written."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, and remove unfinished files that a crash has left there."""
        self._folder = folder
        shutil.rmtree(folder / _INCOMING, ignore_errors=True)

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Spool]:
        """Write bytes piece by piece, in the same folder as the complete files."""
        making = asyncio.ensure_future(in_thread(self._new))
        try:
            spool = _FolderSpool(await asyncio.shield(making), self._folder)
        except OSError as refused:
            raise StorageError(f"the file cannot be stored ({refused.strerror})") from refused
        except asyncio.CancelledError:
            with suppress(OSError):
                await _FolderSpool(await making, self._folder).close()
            raise
        try:
            yield spool
        finally:
            await spool.close()

    async def get(self, sha256: str) -> bytes:
        """Return stored bytes. Raises `StorageError` if they are missing or damaged."""
        return await in_thread(lambda: self._get(sha256))

    def close(self) -> None:
        """Do nothing: it holds nothing open."""

    def _new(self) -> IO[bytes]:
        # Never create the data folder itself: if it was moved away, it must not be created again.
        for folder in (self._folder, self._folder / _INCOMING):
            folder.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder / _INCOMING)
        os.close(handle)
        return Path(name).open("wb")

    def _get(self, sha256: str) -> bytes:
        try:
            content = _path(self._folder, sha256).read_bytes()
        except OSError as missing:
            raise StorageError(f"stored file {sha256} cannot be read") from missing
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StorageError(f"stored file {sha256} is damaged")
        return content


class _FolderSpool(Spool):
    def __init__(self, file: IO[bytes], folder: Path) -> None:
        super().__init__(file)
        self._folder = folder

    def store(self, sha256: str) -> None:
        path = _path(self._folder, sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists() or path.stat().st_size != self.size:
            os.fsync(self.file.fileno())
            Path(self.file.name).rename(path)
        # Also if the file exists: a crash may have come before its name was on disk.
        for folder in (path.parent, self._folder, self._folder.parent):
            sync(folder)

    def let_go(self) -> None:
        self.file.close()
        Path(self.file.name).unlink(missing_ok=True)


def _path(folder: Path, sha256: str) -> Path:
    return folder / sha256[:2] / sha256[2:]
