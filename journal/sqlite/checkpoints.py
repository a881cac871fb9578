"""Checkpoints, and a mark that shows when a database has lost its -wal file.

The newest commits are only in the -wal file. Without that file SQLite silently opens the database
as it was at some checkpoint. While a journal is open, its database file is therefore marked as
incomplete, and the -wal file holds the change that removes the mark. Around each checkpoint the
mark is set and committed, the checkpoint writes it to the database, and it is removed again right
after, in the -wal file. Anything that applies the -wal file, such as an orderly stop, or `sqlite3`
after a crash, also applies the removal.

A reader that delays a checkpoint may keep the mark from reaching the database; a loss is then not
noticed until the next checkpoint. The opposite does not happen: except during a checkpoint, readers
see a database without the mark, so copies of it are complete.

Each checkpoint also leaves its name in the database. It tells whether the file, which nothing else
writes to, is still what the last checkpoint made of it.
"""

import os
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Literal, Protocol

from journal.errors import Damaged
from journal.opening_errors import CannotOpen, WalMissing
from journal.sqlite.soundness import damage_of

_SALT_BYTES = 8
_MARK = """
    INSERT INTO meta VALUES ('needs_wal', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
_MARK_AND_NAME = """
    INSERT INTO meta VALUES ('needs_wal', '1'), ('checkpoint', ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_WAL_MAGIC, _LITTLE = b"\x37\x7f\x06", 0x82


class Writing(Protocol):
    """The one connection that writes."""

    async def briefly(self, sql: str, values: Sequence[Any] = (), /) -> list[Any]:
        """Execute one short statement and return its rows."""

    async def checkpoint(self) -> tuple[int, int, int]:
        """Write back what no reader needs; see `WritingConnection.checkpoint`."""


class Checkpoints:
    """Writes back what the -wal file holds, whenever it holds many frames.

    Attributes:
        frames: How many frames are many.
        is_marked: Whether a checkpoint has begun whose mark still has to be removed.
        on_written: Called whenever the database itself may have been written to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._wal = file.with_name(file.name + "-wal")
        self.is_marked = False
        self.frames = 1_000
        self._names = set[str]()  # of those that the database itself may show
        self.on_written: Callable[[], None] = _nobody

    @property
    def are_due(self) -> bool:
        """Whether the -wal file holds many frames since it last started again.

        Its length does not show this, since it is overwritten from its beginning.
        """
        try:
            wal = os.open(self._wal, os.O_RDONLY)
        except OSError:
            return False
        try:
            header = os.pread(wal, _HEADER_BYTES, 0)
            page_bytes = int.from_bytes(header[8:12], "big")
            before = (self.frames - 1) * (_FRAME_HEADER_BYTES + page_bytes)
            # Frames written since then have the same salt as the header.
            salt = os.pread(wal, _SALT_BYTES, _HEADER_BYTES + before + 8)
            return len(salt) == _SALT_BYTES and salt == header[16:24]
        finally:
            os.close(wal)

    async def make(self, connection: Writing) -> str | None:
        """Write back everything that no reader needs; return why that failed, None if it went well.

        Raises:
            sqlite3.Error: The mark could not be committed.
        """
        failure = None
        self.is_marked = True
        name = secrets.token_hex(8)
        self._names.add(name)
        await connection.briefly(_MARK_AND_NAME, (name,))
        try:
            busy, frames, written = await connection.checkpoint()
            if not busy and frames == written:
                self._names = {name}
        except sqlite3.Error as failed:
            # Nothing is lost: the -wal file keeps what was not written back and flushed.
            failure = str(failed)
        finally:
            self.on_written()
        await self.finish(connection)
        return failure

    def made_it(self) -> bool:
        """Return whether the database is as one of the last checkpoints left it."""
        alone = f"{self._file.resolve().as_uri()}?mode=ro&immutable=1"  # without its -wal file
        try:
            with closing(sqlite3.connect(alone, uri=True)) as connection:
                found = connection.execute("SELECT value FROM meta WHERE key = 'checkpoint'")
                return (found.fetchone() or (None,))[0] in self._names
        except sqlite3.Error:
            return False

    async def finish(self, connection: Writing) -> None:
        """Remove the mark if that has failed before. Raises `sqlite3.Error`."""
        if self.is_marked:
            await connection.briefly(_MARK, ("0",))
            self.is_marked = False

    async def leave(self, close: Callable[[], Awaitable[None]], *, is_over: bool = False) -> None:
        """Close the writing connection with `close`; it is the last that may make a checkpoint.

        Closing it writes everything to the database and removes the -wal file. The file stays if
        the mark could not be removed, or if the journal `is_over`, because after a failed flush
        nothing more may be written. In these cases another connection is left open to read.
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
        """Rename the -wal file: another program has replaced the database.

        SQLite would mix the two at the next start.
        """
        with suppress(OSError):
            self._wal.rename(self._wal.with_name(f"{self._wal.name}.left"))


def _nobody() -> None:
    """Notify nobody."""


def has_wal(file: Path) -> bool:
    """Return whether there is a -wal file with anything in it beside the database `file`."""
    try:
        return file.with_name(file.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def open_as_it_is(file: Path) -> sqlite3.Connection:
    """Open an unused database for reading; creates no files beside it."""
    alone = "" if has_wal(file) else "&immutable=1"
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro{alone}", uri=True)


def check_wal(file: Path) -> None:
    """Raise `WalMissing` if the database `file` needs its -wal file and has none.

    SQLite takes a -wal file whose head is damaged for an empty one.
    """
    if not _begins_well(file.with_name(file.name + "-wal")):
        alone = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(alone, uri=True)) as connection:
            if _needs_wal(connection):
                raise WalMissing(file)


def _begins_well(wal: Path) -> bool:
    """Return whether a -wal file has a head whose checksum is right."""
    try:
        with wal.open("rb") as opened:
            header = opened.read(_HEADER_BYTES)
    except FileNotFoundError:
        return False
    if header[:3] != _WAL_MAGIC or len(header) < _HEADER_BYTES or header[3] & ~1 != _LITTLE:
        return False
    order: Literal["big", "little"] = "little" if header[3] == _LITTLE else "big"
    numbers = [int.from_bytes(header[at : at + 4], order) for at in range(0, 24, 4)]
    first = second = 0
    for even, odd in zip(numbers[::2], numbers[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return header[24:] == first.to_bytes(4, "big") + second.to_bytes(4, "big")


def clear_wal_mark(file: Path) -> bool:
    """Remove the mark from an unused database; return False if it has none.

    Raises:
        Damaged: The contents of the database alone are inconsistent.
        CannotOpen: The disk or another program prevents opening it.
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
