"""The connection that statements run on: SQLite's own, or one of another database like it.

Statements are written once, in SQL that both databases understand, with SQLite's placeholders (`?`,
`:name`). `journal/postgres/dialect.py` lists the differences and translates a statement's text for
PostgreSQL. Errors are those of Python's database interface, in the form of SQLite's classes; the
other database raises them too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from sqlite3 import Error as DatabaseError
from sqlite3 import IntegrityError as Clash
from typing import Any, Protocol, TypeAlias

__all__ = ["ALL_ROWS", "Clash", "Connection", "DatabaseError", "Found", "Values"]

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""The values bound to a statement, by position or by name."""

ALL_ROWS = 2**62
"""A `LIMIT` that limits nothing."""


class Found(Protocol):
    """The rows that a statement has found, or the number of rows that it has changed."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""

    def fetchone(self) -> Any:
        """Return the next row, None where there is no more."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows that are left."""


class Connection(Protocol):
    """A connection in whose transaction statements are executed, by one caller at a time.

    Raises `Clash` if a row violates a constraint, `DatabaseError` if the database fails.
    """

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun that has not ended."""

    def execute(self, sql: str, values: Any = ..., /) -> Found:
        """Execute a statement, with its `Values`."""

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Found:
        """Execute a statement once for each of the rows of `Values`."""
