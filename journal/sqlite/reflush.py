"""Flushes the -wal file again at a start, so that everything that is read is on disk.

After a crash SQLite uses every complete transaction that it can read in the -wal file, even one
that was never flushed: its writer was killed before the flush, or the flush failed and the data is
only in the kernel's memory. The file is therefore overwritten with itself, which makes the kernel
write all of it again, and flushed. The pages of the database need no such care: until they are
flushed, the -wal file has them too.
"""

import os
from pathlib import Path

from journal.sqlite.durable_files import sync

_CHUNK_BYTES = 1024 * 1024


def reflush(file: Path) -> None:
    """Bring the -wal file of the database `file` to disk as it reads now.

    The caller holds SQLite's write lock, so that nobody else changes it meanwhile.

    Raises:
        OSError: The disk fails; then the database must not be used.
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
