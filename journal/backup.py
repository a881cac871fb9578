"""A consistent copy of the database while it is written to, whole or not at all.

`VACUUM INTO` reads one snapshot and holds nobody up. The copy has a temporary name until all
of it is on disk.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from journal.checkpoints import check_wal, unmark
from journal.errors import Unavailable


def copy_database(file: Path, to: Path) -> None:
    """Copy the database `file` to `to`, which must not exist; durable when this returns.

    Raises:
        Unavailable: It cannot be copied now; nothing is left at `to`.
        WalMissing: It is not whole.
    """
    temporary = to.with_name(f".{to.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        check_wal(file)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(open_read_only(file)) as connection:
            connection.execute("VACUUM INTO ?", (str(temporary),))
        unmark(temporary)
        sync(temporary)
        temporary.rename(to)
        sync(to.parent)
    except sqlite3.Error as failure:
        raise Unavailable(f"the database cannot be copied: {failure}") from failure
    finally:
        temporary.unlink(missing_ok=True)


def open_read_only(file: Path) -> sqlite3.Connection:
    """Open a connection that cannot change the database, for long work in a thread of its own."""
    return sqlite3.connect(
        f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None,
        check_same_thread=False, timeout=5,
    )  # fmt: skip


def sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
