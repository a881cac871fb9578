"""Upkeep of the database file by the writer, between two batches: the -wal file and free pages.

A checkpoint after 1,000 frames (`journal/sqlite/checkpoints.py`) writes back everything that no
reader needs, and the -wal file then starts again from its beginning, unless somebody is reading at
that moment. Readers that take turns can delay that for ever. Once the file has grown past its
limit, the writer therefore waits a moment for the readers to finish and empties it.

Deleted runs leave free pages; they are given back to the file system a few at a time, so that
nobody waits long.
"""

import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from journal.reading.readers import Readers
from journal.sqlite.checkpoints import Checkpoints
from journal.sqlite.database import WAL_LIMIT_BYTES, WritingConnection
from journal.sqlite.place import Place
from journal.writing.health import is_failed_flush

_LOOK_EVERY_S = 0.1
_FREE_PAGES_KEPT = 256
_PAGES_A_STEP = 500
_LEAST_PATIENCE_MS = 500
_MOST_PATIENCE_MS = 2_000
_AFTER_A_BLOCK_S = 0.25
_LONGEST_AFTER_A_BLOCK_S = 60.0


class Maintenance:
    """Keeps the -wal file within its limit and the database no larger than necessary.

    Attributes:
        checkpoints: Writes back what the -wal file holds.
        place: Says whether another program has replaced the database, once it is open.
        truncations: How often the -wal file has been emptied.
        blocked: How often a reader has kept it from being emptied.
        freed_pages: How many pages have been given back.
        failure: The last error of upkeep, which is tried again; None if it went well.
        failures: How many errors there were.
    """

    def __init__(self, file: Path) -> None:
        self._wal = file.with_name(file.name + "-wal")
        self.checkpoints = Checkpoints(file)
        self.place: Place | None = None
        self.look_every_s = _LOOK_EVERY_S
        self._look_at = 0.0
        self._empty_at = 0.0
        self._after_a_block_s = _AFTER_A_BLOCK_S
        self.truncations = 0
        self.blocked = 0
        self.freed_pages = 0
        self.failure: str | None = None
        self.failures = 0

    @property
    def wal_bytes(self) -> int:
        """The size of the -wal file."""
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    async def leave(self, close: Callable[[], Awaitable[None]], *, is_over: bool = False) -> None:
        """Close the writing connection with `close`; it is the last that may make a checkpoint."""
        is_another = self.place is not None and self.place.is_another
        await self.checkpoints.leave(close, is_over=is_over or is_another)
        if is_another:
            self.checkpoints.set_aside()

    async def is_due(self, readers: Readers) -> bool:
        """Return whether there is anything to do."""
        if self.wal_bytes > WAL_LIMIT_BYTES:
            return True
        return int((await readers.one("PRAGMA freelist_count"))[0]) > _FREE_PAGES_KEPT

    def after_batch(self, connection: WritingConnection) -> Awaitable[None] | None:
        """Return a function that does what is due; None if nothing is to be done after this batch.

        It does a limited part; what fails is tried again after the next batch. Raises
        `sqlite3.Error` if a flush has failed, after which nothing may continue.
        """
        now = time.monotonic()
        if now < self._look_at and not self.checkpoints.is_marked:
            return None
        return self._look(connection, now)

    async def _look(self, connection: WritingConnection, now: float) -> None:
        failure = None
        try:
            if self.checkpoints.is_marked:
                await self.checkpoints.finish(connection)
            if now < self._look_at:
                return
            self._look_at = now + self.look_every_s
            if self.place is not None and self.place.displaced():
                return  # the writer reports this at the next look; the other file is left as it is
            size = self.wal_bytes
            if size > WAL_LIMIT_BYTES and now >= self._empty_at:
                await self._empty(connection, size)
                failure = await self.checkpoints.make(connection)
            elif self.checkpoints.are_due:
                failure = await self.checkpoints.make(connection)
            await self._free(connection)
        except (sqlite3.Error, OSError, ValueError) as failed:
            failure = str(failed)
            if is_failed_flush(failed):
                raise
        self.failure = failure
        self.failures += failure is not None

    async def _empty(self, connection: WritingConnection, size: int) -> None:
        """Empty the -wal file; the larger it is, the longer this waits for readers."""
        patience = min(_MOST_PATIENCE_MS, _LEAST_PATIENCE_MS * size // WAL_LIMIT_BYTES)
        ((before,),) = await connection.execute_fetchall("PRAGMA busy_timeout")
        await connection.execute_fetchall(f"PRAGMA busy_timeout = {patience}")
        try:
            ((busy, _, _),) = await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self.checkpoints.on_written()
            await connection.execute_fetchall(f"PRAGMA busy_timeout = {before}")
        if busy:
            # A reader that never finishes must not stop the writer again and again.
            self.blocked += 1
            self._empty_at = time.monotonic() + self._after_a_block_s
            self._after_a_block_s = min(2 * self._after_a_block_s, _LONGEST_AFTER_A_BLOCK_S)
        else:
            self.truncations += 1
            self._after_a_block_s = _AFTER_A_BLOCK_S

    async def _free(self, connection: WritingConnection) -> None:
        ((free,),) = await connection.briefly("PRAGMA freelist_count")
        if free <= _FREE_PAGES_KEPT:
            return
        # The pragma returns a row without columns for each page; only `executescript` steps through
        # all.
        pages = min(free - _FREE_PAGES_KEPT, _PAGES_A_STEP)
        await connection.executescript(f"PRAGMA incremental_vacuum({pages})")
        self.freed_pages += pages
