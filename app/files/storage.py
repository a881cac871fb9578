"""Where the bytes of files are: by their SHA-256, so that equal files are one."""

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol


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
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() or path.stat().st_size != len(content):
            self._write(path, content)
        # Also where the file is there: a crash may have come before its name was on disk.
        for folder in (path.parent, self._folder, self._folder.parent):
            _sync(folder)
        return sha256

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).rename(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

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


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
