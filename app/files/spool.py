"""Receives bytes for a storage: written to disk, counted and hashed as they come."""

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO, TypeVar

from app.concurrency.in_thread import SharedThreads, in_thread
from app.concurrency.shield import shielded

_PIECE = 262_144
"""Bytes that are written at once."""

T = TypeVar("T")


class StorageError(Exception):
    """Bytes cannot be stored, are missing, or are damaged."""


class Spool(ABC):
    """A file that is being written and has no name in the storage yet.

    Attributes:
        size: How many bytes have come.
    """

    def __init__(self, file: IO[bytes], threads: SharedThreads | None = None) -> None:
        self.size = 0
        self.file = file
        self._run = threads.run if threads else in_thread
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._at_work = threading.Lock()

    async def write(self, piece: bytes) -> None:
        """Write the next bytes. Raises `StorageError` if they cannot be stored."""
        self.size += len(piece)
        self._waiting += piece
        if len(self._waiting) >= _PIECE:
            taken, self._waiting = bytes(self._waiting), bytearray()
            await self._in_thread(lambda: self._write(taken))

    async def keep(self) -> str:
        """Store what has come, durable on return, and return its SHA-256 in hexadecimal.

        Raises:
            StorageError: It cannot be stored now.
        """
        return await self._in_thread(self._kept)

    async def close(self) -> None:
        """Remove everything that was not kept."""
        await self._in_thread(self.let_go)

    @abstractmethod
    def store(self, sha256: str) -> None:
        """Give the complete file its name. Raises `OSError` or `StorageError`."""

    @abstractmethod
    def let_go(self) -> None:
        """Close the file, and remove it if it has not been stored."""

    def _write(self, taken: bytes) -> None:
        self._hash.update(taken)
        self.file.write(taken)

    def _kept(self) -> str:
        self._write(bytes(self._waiting))
        self.file.flush()
        sha256 = self._hash.hexdigest()
        self.store(sha256)
        return sha256

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Work in a thread, one piece at a time; finish it even if the caller is cancelled."""

        def alone() -> T:
            with self._at_work:
                return work()

        try:
            return await shielded(self._run(alone))
        except OSError as refused:
            message = f"the file cannot be stored ({refused.strerror})"
            raise StorageError(message) from refused
