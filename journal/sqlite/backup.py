"""Copies the database while it is written to: consistent, and complete or not at all.

`VACUUM INTO` reads one snapshot and blocks nobody. The copy has a temporary name until all of it is
on disk.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from journal.errors import Damaged
from journal.opening_errors import CannotCopy
from journal.sqlite.checkpoints import check_wal, clear_wal_mark
from journal.sqlite.durable_files import sync
from journal.sqlite.soundness import damage_of


def copy_database(file: Path, to: Path) -> str | None:
    """Copy the database `file` to `to`, which must not exist; durable when this returns.

    Return what is damaged in `file` although all rows could be read, as a page of an index is: the
    copy is sound, since its indexes are made anew. None if nothing is.

    Raises:
        CannotCopy: There is no room, or something else prevents it; nothing is left at `to`.
        Damaged: A part of it cannot be read.
        WalMissing: It is incomplete.
    """
    temporary = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        check_wal(file)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(open_read_only(file)) as connection:
            connection.execute("VACUUM INTO ?", (str(temporary),))
            damage = damage_of(connection)
        clear_wal_mark(temporary)
        sync(temporary)
        temporary.rename(to)
        sync(to.parent)
    except (sqlite3.OperationalError, OSError) as failure:
        raise CannotCopy(file, to, failure) from failure
    except sqlite3.DatabaseError as failure:
        raise Damaged(
            file,
            f"has a damaged page, so that it cannot be copied ({failure}): "
            "`stepwell verify` says which runs are affected",
        ) from failure
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return damage


def open_read_only(file: Path) -> sqlite3.Connection:
    """Open a connection that cannot change the database, for long work in a thread of its own."""
    return sqlite3.connect(
        f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None,
        check_same_thread=False, timeout=5,
    )  # fmt: skip
