"""Makes sure that what will be read is on disk, before anything relies on it.

After a crash SQLite takes over every complete transaction that it can read in the -wal file,
also one that was never flushed: its writer was killed before the flush, or the flush failed
and the kernel kept the data in memory only. So the file is written over itself, which makes
the kernel write all of it again, and flushed. Pages of the database itself need no such care:
until they are flushed, the -wal file has them too.
"""

import os
from pathlib import Path

from journal.sqlite.durable_files import sync

_CHUNK_BYTES = 1024 * 1024


def reflush(file: Path) -> None:
    """Bring the -wal file of the database `file` to disk as it reads now.

    The caller holds SQLite's write lock, so that nobody else changes it meanwhile.

    Raises:
        OSError: The disk refuses; then the database must not be used.
    """
    try:
        wal = os.open(file.with_name(file.name + "-wal"), os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        at = 0
        while chunk := os.pread(wal, _CHUNK_BYTES, at):
            at += os.pwrite(wal, chunk, at)
        os.fsync(wal)
    finally:
        os.close(wal)
    sync(file.parent)
