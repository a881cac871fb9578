"""Checkpoints, around a mark by which a database that has lost its -wal file is known.

What was committed last is in the -wal file only. Without it SQLite opens the database as it
was at some checkpoint, and says nothing. So while a journal is open its database file by
itself says that it is not the whole, and what stands in the -wal file says that the two
together are: the mark is set and committed, the checkpoint writes it back to the database, and
right after it is taken away again, in the -wal file. Whoever takes the -wal file over, a clean
stop or `sqlite3` after a crash, takes that over with it.

A reader that holds up a checkpoint may keep the mark from reaching the database; then a loss
until the next one is not noticed. Never the other way: but for the moment of a checkpoint, a
database without the mark is what a reader sees, so that copies of it are whole.
"""

import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import aiosqlite

from journal.errors import CannotOpen, Damaged, WalMissing
from journal.sqlite.soundness import damage_of

_MARK = """
    INSERT INTO meta VALUES ('needs_wal', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


class Checkpoints:
    """Writes back what the -wal file holds, whenever it holds many frames.

    Attributes:
        frames: How many are many.
        is_marked: Whether a checkpoint has been begun, and its mark has to be taken away.
        on_written: Called whenever the database itself may have been written to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._wal = file.with_name(file.name + "-wal")
        self.is_marked = False
        self.frames = 1_000
        self.on_written: Callable[[], None] = _nobody

    @property
    def are_due(self) -> bool:
        """Say whether the -wal file holds many frames since it last began anew.

        Its length does not tell: it is written over from its beginning.
        """
        try:
            wal = os.open(self._wal, os.O_RDONLY)
        except OSError:
            return False
        try:
            header = os.pread(wal, _HEADER_BYTES, 0)
            page_bytes = int.from_bytes(header[8:12], "big")
            before = (self.frames - 1) * (_FRAME_HEADER_BYTES + page_bytes)
            # Frames of this time round carry the same salt as the header.
            salt = os.pread(wal, 8, _HEADER_BYTES + before + 8)
            return len(salt) == 8 and salt == header[16:24]  # noqa: PLR2004
        finally:
            os.close(wal)

    async def make(self, connection: aiosqlite.Connection) -> str | None:
        """Write back what no reader holds up; returns why that failed, None when it went well.

        Raises:
            sqlite3.Error: The mark could not be committed.
        """
        failure = None
        self.is_marked = True
        await connection.execute_fetchall(_MARK, ("1",))
        try:
            await connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as failed:
            # Nothing is lost: the -wal file keeps what was not written back and flushed.
            failure = str(failed)
        finally:
            self.on_written()
        await self.finish(connection)
        return failure

    async def finish(self, connection: aiosqlite.Connection) -> None:
        """Take the mark away where that has failed before. Raises `sqlite3.Error`."""
        if self.is_marked:
            await connection.execute_fetchall(_MARK, ("0",))
            self.is_marked = False

    async def leave(self, close: Callable[[], Awaitable[None]], *, is_over: bool = False) -> None:
        """Close the writing connection with `close`, the last of those that may checkpoint.

        That brings everything to the database and removes the -wal file. Not where the mark
        could not be taken away, nor where the journal `is_over`: after a failed flush nothing
        may be written any more. There the -wal file stays, since somebody else still reads.
        """
        if not is_over and not self.is_marked:
            await close()
            return
        with ExitStack() as until_closed:
            with suppress(sqlite3.Error):
                bystander = until_closed.enter_context(closing(open_as_it_is(self._file)))
                bystander.execute("SELECT count(*) FROM meta").fetchone()
            await close()

    def set_aside(self) -> None:
        """Keep the -wal file under another name: the database is another one's now.

        SQLite would mix the two at the next start.
        """
        with suppress(OSError):
            self._wal.rename(self._wal.with_name(f"{self._wal.name}.left"))


def _nobody() -> None:
    """Tell nobody."""


def has_wal(file: Path) -> bool:
    """Say whether there is a -wal file with anything in it beside the database `file`."""
    try:
        return file.with_name(file.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def open_as_it_is(file: Path) -> sqlite3.Connection:
    """Open a database that nobody uses, to look at it; leaves nothing beside it."""
    alone = "" if has_wal(file) else "&immutable=1"
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro{alone}", uri=True)


def check_wal(file: Path) -> None:
    """Raise `WalMissing` when the database `file` needs its -wal file and has none."""
    if not has_wal(file):
        with closing(open_as_it_is(file)) as connection:
            if _needs_wal(connection):
                raise WalMissing(file)


def unmark(file: Path) -> bool:
    """Take the mark away from a database that nobody uses; returns False where there is none.

    Raises:
        Damaged: What the database holds by itself does not fit together.
        CannotOpen: The disk or another program is in the way.
    """
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            if not _needs_wal(connection):
                return False
            if damage := damage_of(connection):
                raise Damaged(file, f"is not sound without its -wal file ({damage})")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_MARK, ("0",))
    except sqlite3.Error as refused:
        raise CannotOpen(file, refused) from refused
    return True


def _needs_wal(connection: sqlite3.Connection) -> bool:
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone() is None:
        return False
    found = connection.execute("SELECT value FROM meta WHERE key = 'needs_wal'").fetchone()
    return bool(found == ("1",))
