"""Sessions of browsers that were signed out, until their time would have been over anyway."""

import sqlite3

from journal.readers import Readers
from journal.writer import Writer

_PREFIX = "ended_session:"


class EndedSessions:
    """Their names, each with the moment (Unix milliseconds) after which it may be forgotten."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def all(self, now_ms: int) -> set[str]:
        """Return the names of all whose time is not over."""
        rows = await self._readers.all(
            "SELECT key FROM meta WHERE key LIKE ? AND CAST(value AS INTEGER) > ?",
            (f"{_PREFIX}%", now_ms),
        )
        return {str(key).removeprefix(_PREFIX) for (key,) in rows}

    async def end(self, name: str, until_ms: int, now_ms: int) -> None:
        """Keep a name until `until_ms`, and forget those whose time is over."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM meta WHERE key LIKE ? AND CAST(value AS INTEGER) <= ?",
                (f"{_PREFIX}%", now_ms),
            )
            connection.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
                (f"{_PREFIX}{name}", str(until_ms)),
            )

        await self._writer.write(work)
