"""Reading beside the writer: a few connections that cannot write, used in turn.

Queries that find none free wait in line by tenant, so that the one query of a tenant does not
come after the sixty of another.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from journal.errors import Damaged, Unavailable

_QUERIES_OF_ONE = 2
"""Queries that a connection has at a time: the one that it works on, and the next."""

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Readers:
    """Runs short queries; each sees everything committed before it began."""

    def __init__(
        self,
        file: Path,
        connections: Sequence[aiosqlite.Connection],
        tenant: Callable[[], str] = lambda: "",
    ) -> None:
        self._file = file
        self._connections = connections
        self._tenant = tenant
        self._free = list(connections) * _QUERIES_OF_ONE
        self._lines: dict[str, deque[asyncio.Future[aiosqlite.Connection]]] = {}

    async def all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query.

        Raises:
            Damaged: A page that the query needs is broken; others may be whole.
            Unavailable: The database did not answer.
        """
        connection = self._free.pop(0) if self._free else await self._in_line()
        try:
            return list(await connection.execute_fetchall(sql, values))
        except (sqlite3.Error, ValueError) as failure:
            if (getattr(failure, "sqlite_errorcode", None) or 0) & 0xFF in _BROKEN:
                raise Damaged(self._file, f"has a broken page ({failure})") from failure
            raise Unavailable(str(failure)) from failure
        finally:
            self._give(connection)

    async def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row of a query, None when there is none. Raises as `all`."""
        rows = await self.all(sql, values)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            await connection.close()

    async def _in_line(self) -> aiosqlite.Connection:
        turn: asyncio.Future[aiosqlite.Connection] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(self._tenant(), deque()).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(turn.result())  # it came in the same moment
            raise

    def _give(self, connection: aiosqlite.Connection) -> None:
        """Give a connection to the first of the next tenant in the round, or lay it back."""
        while self._lines:
            tenant = next(iter(self._lines))
            line = self._lines.pop(tenant)
            turn = line.popleft()
            if line:
                self._lines[tenant] = line  # to the end of the round
            if not turn.done():
                turn.set_result(connection)
                return
        self._free.append(connection)
