"""Where the bytes of files are: by their SHA-256, so that equal files are one."""

import asyncio
import hashlib
from pathlib import Path
from typing import Protocol

from journal import sync, write_whole


class StorageError(Exception):
    """Bytes cannot be stored, are missing, or are not what was stored."""


class Storage(Protocol):
    """Keeps bytes by their hash."""

    async def put(self, content: bytes) -> str:
        """Store bytes, durable when this returns, and return their SHA-256 in hexadecimal.

        Raises:
            StorageError: They cannot be stored now.
        """
        ...

    async def get(self, sha256: str) -> bytes:
        """Return stored bytes. Raises `StorageError` when they are missing or damaged."""
        ...

    def close(self) -> None:
        """Give up what it holds open."""
        ...


class FolderStorage:
    """Keeps bytes in a folder, `ab/cdef...`; a file never changes once it is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, content: bytes) -> str:
        """Store bytes, durable when this returns, and return their SHA-256 in hexadecimal."""
        try:
            return await asyncio.to_thread(self._put, content)
        except OSError as refused:
            raise StorageError(f"the file cannot be stored ({refused.strerror})") from refused

    async def get(self, sha256: str) -> bytes:
        """Return stored bytes. Raises `StorageError` when they are missing or damaged."""
        return await asyncio.to_thread(self._get, sha256)

    def close(self) -> None:
        """Do nothing: it holds nothing open."""

    def _put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        # Never the data folder itself: one that was moved away is not made anew.
        for folder in (self._folder, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not path.exists() or path.stat().st_size != len(content):
            write_whole(path, content)
        # Also where the file is there: a crash may have come before its name was on disk.
        for folder in (path.parent, self._folder, self._folder.parent):
            sync(folder)
        return sha256

    def _get(self, sha256: str) -> bytes:
        try:
            content = self._path(sha256).read_bytes()
        except OSError as missing:
            raise StorageError(f"stored file {sha256} cannot be read") from missing
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StorageError(f"stored file {sha256} is damaged")
        return content

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:]
