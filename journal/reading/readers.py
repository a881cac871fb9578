"""Reads beside the writer, with a few read-only connections used in turn.

Queries that find no free connection wait in line by tenant, so that a single query of one tenant
does not wait for sixty of another. Lists have connections of their own, and one tenant never holds
all of these, so lists take nothing from requests for single runs.
"""

import asyncio
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from journal.connection import DatabaseError, Values
from journal.errors import Damaged, Unavailable
from journal.reading.near_reads import NearReads

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Reading(Protocol):
    """A connection that cannot write."""

    async def execute_fetchall(self, sql: str, values: Any = ..., /) -> Iterable[Any]:
        """Return all rows of a query. Raises `DatabaseError`."""

    async def close(self) -> None:
        """Close it."""


@dataclass(slots=True)
class LastRead:
    """How the last query went.

    Attributes:
        trouble: Why it got no answer; None if it got one.
        noticed: Called when a query gets no answer and the one before it did.
    """

    trouble: str | None = None
    noticed: Callable[[], None] = lambda: None

    def failed(self, why: str) -> None:
        """Record that a query got no answer."""
        is_first, self.trouble = self.trouble is None, why
        if is_first:
            self.noticed()


class Readers:
    """Runs short queries; each sees everything committed before it began.

    Attributes:
        last: The outcome of the last query, which several may share.
    """

    def __init__(  # noqa: PLR0913 - what reads, and the rules of sharing it
        self,
        file: Path,
        connections: Sequence[Reading],
        tenant: Callable[[], str] = lambda: "",
        *,
        at_once: int = 2,
        most_of_one: int | None = None,
        near: NearReads | None = None,
    ) -> None:
        """Share connections out.

        Args:
            file: The database, for error messages.
            connections: The connections that read.
            tenant: Returns the tenant of a query.
            at_once: How many queries a connection has at a time; with two, the current one and the
                next.
            most_of_one: How many queries a tenant has at a time; without it, as many as there are.
            near: Reads one row by its key if that is short.
        """
        self.last = LastRead()
        self._near = near
        self._file = file
        self._connections: Sequence[Any] = connections
        self._tenant = tenant
        self._free = list(connections) * at_once
        self._most_of_one = len(self._free) if most_of_one is None else most_of_one
        self._held = Counter[str]()
        self._lines: dict[str, deque[asyncio.Future[Reading]]] = {}

    async def all(self, sql: str, values: Values = ()) -> list[Any]:
        """Return all rows of a query.

        Raises:
            Damaged: A page that the query needs is broken; others may be intact.
            Unavailable: The database did not answer.
        """
        tenant = self._tenant()
        if self._may_take(tenant):
            connection = self._take(tenant)
        else:
            connection = await self._in_line(tenant)
        try:
            rows = list(await connection.execute_fetchall(sql, values))
        except (DatabaseError, ValueError) as failure:
            if (getattr(failure, "sqlite_errorcode", None) or 0) & 0xFF in _BROKEN:
                raise Damaged(self._file, f"has a broken page ({failure})") from failure
            if not isinstance(failure, ValueError):  # that is about the values of one query
                self.last.failed(str(failure))
            raise Unavailable(str(failure)) from failure
        else:
            self.last.trouble = None
            return rows
        finally:
            self._give(tenant, connection)

    async def one(self, sql: str, values: Values = ()) -> Any:
        """Return the first row of a query, None if there is none. Raises as `all`."""
        rows = await self.all(sql, values)
        return rows[0] if rows else None

    async def by_key(self, sql: str, values: Values = ()) -> Any:
        """Return the one row that a key names, None if there is none. Raises as `all`.

        For rows that an index finds at once: the read may happen on the event loop's thread.
        """
        if self._near is not None and self._near.are_short():
            try:
                return self._near.row(sql, values)
            except DatabaseError:
                pass  # the thread waits for the other connection, or reports the damage
        return await self.one(sql, values)

    async def close(self) -> None:
        """Close every connection."""
        if self._near is not None:
            self._near.close()
        for connection in self._connections:
            await connection.close()

    def _may_take(self, tenant: str) -> bool:
        return bool(self._free) and self._held[tenant] < self._most_of_one

    def _take(self, tenant: str) -> Reading:
        self._held[tenant] += 1
        return self._free.pop(0)

    async def _in_line(self, tenant: str) -> Reading:
        turn: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(tenant, deque()).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(tenant, turn.result())  # cancelled in the moment it got the connection
            raise

    def _give(self, tenant: str, connection: Reading) -> None:
        """Return a connection, and give it to the first query of the next tenant in the round."""
        self._free.append(connection)
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        while self._free and self._serve_next():
            pass

    def _serve_next(self) -> bool:
        """Serve the first tenant in the round that may have a connection; return if one may."""
        for tenant, line in self._lines.items():
            if not self._may_take(tenant):
                continue
            del self._lines[tenant]
            turn = line.popleft()
            if line:
                self._lines[tenant] = line  # to the end of the round
            if not turn.done():
                turn.set_result(self._take(tenant))
            return True
        return False
