"""What statements run on: SQLite's own connection, or another database that speaks as it does.

Statements are written once, in what both databases understand, with SQLite's marks for values
(`?`, `:name`). What they say differently is listed in `journal/postgres/dialect.py`, which turns
a statement's text into PostgreSQL's. Errors are those of Python's interface to databases, for which
SQLite's classes stand: another database raises them too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from sqlite3 import Error as DatabaseError
from sqlite3 import IntegrityError as Clash
from typing import Any, Protocol, TypeAlias

__all__ = ["ALL_ROWS", "Clash", "Connection", "DatabaseError", "Found", "Values"]

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""What is bound to a statement: by place, or by name."""

ALL_ROWS = 2**62
"""A `LIMIT` that is none."""


class Found(Protocol):
    """What a statement has found, or how many rows it has changed."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""

    def fetchone(self) -> Any:
        """Return the next row, None where there is no more."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows that are left."""


class Connection(Protocol):
    """A connection in whose transaction statements are executed, one caller at a time.

    Raises `Clash` where a row does not fit what is there, `DatabaseError` where the database is in
    trouble.
    """

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun that has not ended."""

    def execute(self, sql: str, values: Any = ..., /) -> Found:
        """Execute a statement, with its `Values`."""

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Found:
        """Execute a statement once for each of the rows of `Values`."""
