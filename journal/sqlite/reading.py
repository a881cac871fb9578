"""Connections that only read, and complete the words of a search before they look for them.

The full-text index has the beginnings of words up to a length. For a longer beginning it would
merge the runs of all words that begin so before it returns the first. The words themselves are read
from the index's own list, and each has its runs in order, so that a page reads no more than it
shows.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import aiosqlite

from journal.connection import Values
from journal.runs.run_filter import WordsQuery, is_indexed
from journal.runs.unaccented import unaccented

_MOST_WORDS = 16
"""Beginnings of more words than these are left to the full-text index."""

_AFTER_ALL = chr(0x10FFFF)
_WORDS = (
    "WITH RECURSIVE found (term) AS (SELECT (SELECT term FROM {0} WHERE term >= :word LIMIT 1)"
    " UNION ALL SELECT (SELECT term FROM {0} WHERE term >= found.term || ' ' LIMIT 1)"
    " FROM found WHERE found.term < :end)"
    f" SELECT term FROM found WHERE term < :end LIMIT {_MOST_WORDS + 1}"
)
"""Each next word is one step in the index: a space comes before everything that a word has."""


class ReadingConnection(aiosqlite.Connection):
    """A connection that completes the words of searches."""

    async def execute_fetchall(self, sql: str, values: Values = ()) -> list[Any]:  # type: ignore[override] # awaited only
        """Return all rows of a query."""
        if " MATCH " not in sql:
            return list(await super().execute_fetchall(sql, values))

        def found() -> list[Any]:
            return self._conn.execute(sql, _completed(self._conn, values)).fetchall()

        rows: list[Any] = await self._execute(found)  # type: ignore[no-untyped-call]
        return rows


def _completed(connection: sqlite3.Connection, values: Values) -> Values:
    if isinstance(values, Mapping):
        return {name: _query(connection, one) for name, one in values.items()}
    return [_query(connection, one) for one in values]


def _query(connection: sqlite3.Connection, value: Any) -> Any:
    if not isinstance(value, WordsQuery):
        return value
    found = {
        word: _words(connection, value.vocabulary, word)
        for word, is_beginning in value.words
        if is_beginning and not is_indexed(word)
    }
    return value.completed(found)


def _words(connection: sqlite3.Connection, vocabulary: str, word: str) -> Sequence[str]:
    """Return the words that begin so; none if there are too many, or they cannot be told."""
    plain = unaccented(word)
    if not plain.isascii():
        return ()
    asked = {"word": plain, "end": plain + _AFTER_ALL}
    found = [term for (term,) in connection.execute(_WORDS.format(vocabulary), asked)]
    return found if len(found) <= _MOST_WORDS else ()
