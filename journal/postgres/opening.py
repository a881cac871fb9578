"""Opens the journal in PostgreSQL."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from journal.connection import Connection, DatabaseError
from journal.errors import Unavailable
from journal.opening_errors import DatabaseInUse
from journal.parts import Parts
from journal.postgres.address import Address
from journal.postgres.connection import PostgresConnection, lock_of, reason_of
from journal.postgres.schema import prepare
from journal.postgres.sharing import shared
from journal.postgres.threads import ReadingConnection, WritingConnection
from journal.reading.readers import Readers
from journal.sqlite.database import begin_elsewhere, must_hold_none
from journal.writing.writer import Writer

_LIST_READERS = 2
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'r'
"""


class Anywhere:
    """The place of a database that is not in the file system."""

    def displaced(self) -> str | None:
        """Return None: such a database cannot be displaced."""
        return None


class NoUpkeep:
    """The upkeep of a database that maintains itself."""

    wal_bytes = 0

    async def is_due(self, _readers: Readers) -> bool:
        """Return that there is nothing to do."""
        return False

    def after_batch(self, _connection: Any) -> None:
        """Do nothing."""

    async def leave(self, close: Callable[[], Awaitable[None]], *, is_over: bool = False) -> None:
        """Close the writing connection with `close`."""
        await close()


async def opened(address: Address, folder: Path, tenant: Callable[[], str], readers: int) -> Parts:
    """Bring the schema up to date and connect to it.

    Raises:
        BadDatabase: The database cannot hold a journal.
        DatabaseInUse: A journal is being moved there, or from there.
        Unavailable: It cannot be reached.
    """
    is_first = True
    must_hold_none(folder)

    def begun(connection: PostgresConnection) -> None:
        nonlocal is_first
        _hold_with_others(connection, address)
        if is_first:
            prepare(connection, address)
            is_first = False

    writing = WritingConnection(address, begun)
    async with AsyncExitStack() as undo:
        undo.push_async_callback(writing.close)
        try:
            await writing.transact(_nothing, 0)
        except DatabaseError as failure:
            raise Unavailable(f"{address.shown}: {reason_of(failure)}") from failure
        begin_elsewhere(folder, address.shown)
        reading = []
        for number in range(readers):
            reading.append(ReadingConnection(address, f"reader-{number}"))
            undo.push_async_callback(reading[-1].close)
        lists = Readers(folder, reading[:_LIST_READERS], tenant, at_once=1, most_of_one=1)
        ports = await shared(address, lists)
        undo.pop_all()
    upkeep = NoUpkeep()

    async def sizes() -> tuple[int, int]:
        return int((await lists.one(_SIZE))[0]), 0

    @contextmanager
    def look() -> Iterator[Connection]:
        with closing(PostgresConnection(address, writes=False)) as connection:
            yield connection

    return Parts(
        writer=Writer(writing, upkeep.after_batch, Anywhere(), tenant),
        readers=Readers(folder, reading[_LIST_READERS:], tenant),
        lists=lists,
        upkeep=upkeep,
        sizes=sizes,
        look=look,
        shared=ports,
    )


def _nothing(_connection: Connection) -> None:
    """Change nothing: a connection is made for it."""


def _hold_with_others(connection: PostgresConnection, address: Address) -> None:
    """Share the lock that a move takes exclusively, as long as the connection lives."""
    held = connection.raw.execute(
        f"SELECT pg_try_advisory_lock_shared({lock_of(address, 'process')})".encode()
    ).fetchone()
    if held != (True,):
        raise DatabaseInUse(address.shown)
