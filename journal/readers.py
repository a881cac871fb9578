"""Reading beside the writer: a few connections that cannot write, used in turn."""

import sqlite3
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import aiosqlite

from journal.errors import Damaged, Unavailable

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Readers:
    """Runs short queries; each sees everything committed before it began."""

    def __init__(self, file: Path, connections: Sequence[aiosqlite.Connection]) -> None:
        self._file = file
        self._connections = connections
        self._turn = cycle(connections)

    async def all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query.

        Raises:
            Damaged: A page that the query needs is broken; others may be whole.
            Unavailable: The database did not answer.
        """
        try:
            return list(await next(self._turn).execute_fetchall(sql, values))
        except (sqlite3.Error, ValueError) as failure:
            if (getattr(failure, "sqlite_errorcode", None) or 0) & 0xFF in _BROKEN:
                raise Damaged(self._file, f"has a broken page ({failure})") from failure
            raise Unavailable(str(failure)) from failure

    async def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row of a query, None when there is none. Raises as `all`."""
        rows = await self.all(sql, values)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            await connection.close()
