"""Connections of asyncio: each waits for the server in a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from journal.connection import Connection, Values
from journal.postgres.address import Address
from journal.postgres.connection import PostgresConnection, Unreachable

T = TypeVar("T")


class _InThread:
    """A connection that is made where there is none, also after the server was gone."""

    def __init__(self, address: Address, name: str, *, writes: bool) -> None:
        self._address = address
        self._writes = writes
        self._open: PostgresConnection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"postgres-{name}")

    async def call(self, work: Callable[..., T], *given: Any) -> T:
        """Call it in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def connection(self) -> tuple[PostgresConnection, bool]:
        """Return the connection, and whether it was made just now. Raises `Unreachable`."""
        if self._open is not None and not self._open.is_closed:
            return self._open, False
        self._open = PostgresConnection(self._address, writes=self._writes)
        try:
            self.begun(self._open)
        except BaseException:
            self._open.close()
            raise
        return self._open, True

    def begun(self, connection: PostgresConnection) -> None:
        """Do what has to be done on a new connection."""

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
        """See that this process may write."""
        self._begun(connection)

    async def transact(self, work: Callable[[Connection], T], _rows: int) -> T:
        """Do `work`, a transaction, and return what it gives."""
        return await self.call(self._transact, work)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        return work(self.connection()[0])
