"""What a journal is made of, whichever database keeps it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from engine.value import value
from journal.connection import Connection
from journal.processes.sharing import Shared
from journal.reading.readers import Readers
from journal.writing.writer import Writer


class Upkeep(Protocol):
    """What is done for the database between two batches, where that is nobody else's work.

    Attributes:
        wal_bytes: The size of what has been committed and not been written back.
    """

    @property
    def wal_bytes(self) -> int:
        """The size of what has been committed and not been written back."""

    async def is_due(self, readers: Readers, /) -> bool:
        """Say whether there is anything to do."""

    def after_batch(self, connection: Any, /) -> Awaitable[None] | None:
        """Return what does what is due, a bounded part of it; None where nothing is."""

    async def leave(self, close: Callable[[], Awaitable[None]], *, is_over: bool = False) -> None:
        """Close the writing connection with `close`, the last that is closed."""


@value(frozen=True, slots=True)
class Parts:
    """An open database.

    Attributes:
        lists: Reads for lists, on connections of their own.
        sizes: Gives the bytes of the database, and of what has not been written back to it.
        shared: What processes have of each other, where several may have it open.
        look: A connection that cannot write, for long work in a thread of its own.
    """

    writer: Writer
    readers: Readers
    lists: Readers
    upkeep: Upkeep
    sizes: Callable[[], Awaitable[tuple[int, int]]]
    look: Callable[[], AbstractContextManager[Connection]]
    shared: Shared | None = None
