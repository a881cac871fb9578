"""Connections for asyncio, each with a thread of its own that waits for the server."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from journal.connection import Clash, Connection, Values
from journal.postgres.address import Address
from journal.postgres.connection import PostgresConnection, Unreachable
from journal.rows.event_rows import Row
from journal.rows.run_projection import Statement
from journal.writing.transaction import Transaction

T = TypeVar("T")

_ROWS = 512
"""With at most so many rows, a batch is encoded on the loop's thread: a millisecond or two."""


class _InThread:
    """A connection that is opened when needed, also after the server was away."""

    def __init__(self, address: Address, name: str, *, writes: bool) -> None:
        self._address = address
        self._writes = writes
        self._open: PostgresConnection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"postgres-{name}")

    async def call(self, work: Callable[..., T], *given: Any) -> T:
        """Call a function in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def connection(self) -> tuple[PostgresConnection, bool]:
        """Return the connection, and whether it was just opened. Raises `Unreachable`."""
        if self._open is not None and self._is_open():
            return self._open, False
        self._open = PostgresConnection(self._address, writes=self._writes)
        try:
            self.begun(self._open)
        except BaseException:
            self._open.close()
            raise
        return self._open, True

    def _is_open(self) -> bool:
        return self._open is not None and not self._open.is_closed

    def begun(self, connection: PostgresConnection) -> None:
        """Prepare a new connection."""

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await self.call(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()


class ReadingConnection(_InThread):
    """A connection that cannot write."""

    def __init__(self, address: Address, name: str) -> None:
        super().__init__(address, name, writes=False)

    async def execute_fetchall(self, sql: str, values: Values = ()) -> list[Any]:
        """Return all rows of a query. Raises `DatabaseError`."""
        return await self.call(self._rows, sql, values)

    def _rows(self, sql: str, values: Values) -> list[Any]:
        connection, is_new = self.connection()
        try:
            return connection.execute(sql, values).fetchall()
        except Unreachable:
            if is_new or not connection.is_closed:
                raise
        return self.connection()[0].execute(sql, values).fetchall()  # the server has changed


class WritingConnection(_InThread):
    """The connection that writes; a whole transaction is one call.

    `begun` is called with each new connection, before anything is written on it.
    """

    def __init__(self, address: Address, begun: Callable[[PostgresConnection], None]) -> None:
        super().__init__(address, "writer", writes=True)
        self._begun = begun

    def begun(self, connection: PostgresConnection) -> None:
        """Check that this process may write."""
        self._begun(connection)

    async def transact(self, work: Any, rows: int) -> Any:
        """Do `work`, a transaction of `rows` rows, and return its result."""
        if isinstance(work, Transaction) and rows <= _ROWS and self._is_open():
            written = work.rows()
            if written is not None and await self._written(*written):
                return work.results_of_rows()
        return await self.call(self._transact, work)

    async def _written(self, runs: Sequence[Statement], events: Sequence[Row]) -> bool:
        """Return whether rows could be written together. Raises `DatabaseError`."""
        assert self._open is not None  # noqa: S101 - `_is_open` has said so
        try:
            await self._open.append(runs, events)
        except (Clash, ValueError):
            return False  # they are then written one by one, so that each gets its own result
        return True

    def _transact(self, work: Callable[[Connection], T]) -> T:
        connection, _ = self.connection()
        if isinstance(work, Transaction) and work.must_change:
            connection.check_room()
        return work(connection)
