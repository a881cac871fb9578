"""The parts of an open journal, whichever database stores it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from engine.value import value
from journal.connection import Connection
from journal.processes.sharing import Shared
from journal.reading.readers import Readers
from journal.writing.writer import Writer


class Upkeep(Protocol):
    """The upkeep of the database between two batches, where the database does not do it by itself.

    Attributes:
        wal_bytes: The size of what has been committed but not written back to the database.
    """

    @property
    def wal_bytes(self) -> int:
        """The size of what has been committed but not written back to the database."""

    async def is_due(self, readers: Readers, /) -> bool:
        """Return whether there is anything to do."""

    def after_batch(self, connection: Any, /) -> Awaitable[None] | None:
        """Return a function that does a limited part of what is due; None if nothing is due."""

    async def leave(self, close: Callable[[], Awaitable[None]], *, is_over: bool = False) -> None:
        """Close the writing connection with `close`; it is the last to be closed."""


@value(frozen=True, slots=True)
class Parts:
    """An open database.

    Attributes:
        lists: Reads for lists, on connections of their own.
        sizes: Returns the bytes of the database, and of what has not been written back to it.
        shared: How processes communicate, if several may have the database open.
        look: Opens a connection that cannot write, for long work in a thread of its own.
    """

    writer: Writer
    readers: Readers
    lists: Readers
    upkeep: Upkeep
    sizes: Callable[[], Awaitable[tuple[int, int]]]
    look: Callable[[], AbstractContextManager[Connection]]
    shared: Shared | None = None
