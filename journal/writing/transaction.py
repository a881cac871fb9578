"""One transaction with all gathered writes, on the writing connection.

The appends of a batch are a few statements. If one append fails, the whole batch is written again
with each write in a savepoint, so that the failure affects only that write.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, TypeAlias

from journal.connection import Clash, Connection, DatabaseError
from journal.errors import JournalError
from journal.rows.event_rows import Row
from journal.rows.run_projection import GOES_ON, INSERTS, Statement

Work: TypeAlias = Callable[[Connection], Any]
Settle: TypeAlias = Callable[[Any], None]
"""Receives the result of a write: its value, or the exception with which it ended."""

_INSERT_EVENTS = (
    "INSERT INTO events (position, run, seq, type, schema, at_ms, body, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ROWS_A_STATEMENT = 16
NEW_RUN_ROWS = 5
"""How many rows the row of a new run counts as: all its indexes get an entry."""

UNCOUNTED = 1_000
"""The row count to give for a write of unknown size: it is not done on the event loop's thread."""

LAST_POSITION = """
    SELECT max(seq) FROM (
        SELECT seq FROM sqlite_sequence WHERE name = 'events'
        UNION ALL SELECT max(position) FROM events
    ) AS known
"""
"""The largest position ever given to an event; SQLite's sequence includes deleted ones."""


class RememberingConnection(sqlite3.Connection):
    """The only connection that writes, which remembers where the events end.

    Attributes:
        last_position: The largest position given to an event, None if it has to be read.
    """

    last_position: int | None = None


_TRY = """
    INSERT INTO meta VALUES ('tried', '1') ON CONFLICT (key) DO UPDATE
    SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)
"""


@dataclass(slots=True)
class Append:
    """Events of one or several runs, as rows, with the statements that update each run's row.

    Attributes:
        rows: How many rows it writes: of events, which are several in most rows, and of runs.
        characters: How long they are.
        tenant: The tenant to which they belong.
    """

    events: Sequence[Row]
    runs: list[Statement]
    rows: int
    characters: int
    tenant: str

    def work(self, connection: Connection) -> None:
        """Write it."""
        write_rows(connection, self.runs, self.events)

    def conflict(self) -> JournalError:
        """Return what `settle` receives if another append was first."""
        raise NotImplementedError

    def settle(self, failure: BaseException | None, /) -> None:
        """Receive that it is durable, or why it is not."""
        raise NotImplementedError


@dataclass(slots=True)
class Task:
    """Any other write, of unknown size."""

    work: Work
    settle: Settle
    tenant: str
    rows: int = 1
    characters: int = 0


Writes: TypeAlias = Callable[[Connection, Sequence[Append | Task]], list[Any]]
"""Writes a batch, and returns the result of each write."""


class Transaction:
    """A batch as one transaction: calling it writes and commits it.

    If only the flush is to be waited for in another thread, `begin` writes, and `commit` does the
    rest unless `begin` has failed.

    Attributes:
        must_change: Whether it also tests that writing works, since the last write failed.
    """

    __slots__ = ("_batch", "must_change")

    def __init__(self, batch: Sequence[Append | Task], *, must_change: bool) -> None:
        self._batch, self.must_change = batch, must_change

    def __call__(self, connection: Connection) -> list[Any]:
        """Write and commit; return the result of each write. Raises as `begin`."""
        answers = self.begin(connection)
        self.commit(connection)
        return answers

    def rows(self) -> tuple[list[Statement], list[Row]] | None:
        """Return the rows of its appends; None if there is anything else to write."""
        if self.must_change:
            return None
        runs: list[Statement] = []
        events: list[Row] = []
        for item in self._batch:
            if not isinstance(item, Append):
                return None
            runs += item.runs
            events += item.events
        return runs, events

    def results_of_rows(self) -> list[Any]:
        """Return the results of the appends whose rows are committed."""
        return [None] * len(self._batch)

    def begin(self, connection: Connection) -> list[Any]:
        """Write, and return the results to give out once the transaction is committed.

        Each is the result of its write, or the exception that it ended with. With `must_change`,
        something is written even if there is nothing to write, to test whether writing works.

        Raises what the database raises; then it is unknown whether anything was written.
        """
        try:
            return self._begun(connection, _together)
        except Exception as failure:
            if not _is_of_one_write(failure):
                raise
        return self._begun(connection, _one_by_one)

    def _begun(self, connection: Connection, work: Writes) -> list[Any]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self.must_change:
                connection.execute(_TRY)
            return work(connection, self._batch)
        except BaseException:
            _undo(connection)
            raise

    @staticmethod
    def commit(connection: Connection) -> None:
        """Commit what has been written. Raises as `begin`."""
        try:
            connection.execute("COMMIT")
        except BaseException:
            _undo(connection)
            raise


def write_rows(connection: Connection, runs: Iterable[Statement], events: Sequence[Row]) -> None:
    """Write the rows of appends; the rows of runs come first, since events refer to them.

    Raises `Clash` if another append was first.
    """
    at_once = getattr(connection, "write_rows", None)
    if at_once is not None:  # a database for which each statement would be a round trip
        at_once(runs, events)
        return
    by_statement: dict[str, list[Row]] = {}
    for sql, row in runs:
        by_statement.setdefault(sql, []).append(row)
    for sql, rows in by_statement.items():
        if sql in INSERTS:
            _insert_together(connection, sql, rows)
            continue
        changed = connection.executemany(sql, rows).rowcount
        if changed != len(rows) and sql in GOES_ON:
            raise Clash("the run has another event as its newest")
    if not events:
        return
    position = connection.last_position if isinstance(connection, RememberingConnection) else None
    if position is None:
        position = int(connection.execute(LAST_POSITION).fetchone()[0] or 0)
    placed = []
    for row in events:
        position += row[2].count(" ") + 1  # as many as the row has events
        placed.append((position, *row))
    _insert_together(connection, _INSERT_EVENTS, placed)
    if isinstance(connection, RememberingConnection):
        connection.last_position = position


def _insert_together(connection: Connection, sql: str, rows: Sequence[Row]) -> None:
    """Insert rows, several by each statement: SQLite steps once for it instead of once a row."""
    for at in range(0, len(rows), _ROWS_A_STATEMENT):
        some = rows[at : at + _ROWS_A_STATEMENT]
        connection.execute(_of_rows(sql, len(some)), list(chain.from_iterable(some)))


@cache
def _of_rows(sql: str, count: int) -> str:
    """Return an INSERT of one row as one of so many."""
    values = sql[sql.index(" (?") :]
    return sql + f",{values}" * (count - 1)


def _forget_position(connection: Connection) -> None:
    """Read the position again when it is needed: what was written last may be undone."""
    if isinstance(connection, RememberingConnection):
        connection.last_position = None


def _undo(connection: Connection) -> None:
    _forget_position(connection)
    if connection.in_transaction:  # false if SQLite has rolled back by itself
        with suppress(DatabaseError):  # the next BEGIN raises what is wrong
            connection.execute("ROLLBACK")


def _together(connection: Connection, batch: Sequence[Append | Task]) -> list[Any]:
    """Write all appends at once. Raises if one does not fit, or holds what cannot be stored."""
    runs: list[Statement] = []
    events: list[Row] = []
    others: list[tuple[int, Work]] = []
    for place, item in enumerate(batch):
        if isinstance(item, Append):
            runs += item.runs
            events += item.events
        else:
            others.append((place, item.work))
    write_rows(connection, runs, events)
    answers: list[Any] = [None] * len(batch)
    for place, work in others:
        answers[place] = _alone(connection, work)
    return answers


def _is_of_one_write(failure: Exception) -> bool:
    """Return whether a failure is of one write; if the database fails, the whole batch does."""
    return isinstance(failure, Clash) or not isinstance(failure, DatabaseError)


def _one_by_one(connection: Connection, batch: Sequence[Append | Task]) -> list[Any]:
    answers = []
    for item in batch:
        answer = _alone(connection, item.work)
        if isinstance(item, Append) and isinstance(answer, Clash):
            answer = item.conflict()
        answers.append(answer)
    return answers


def _alone(connection: Connection, work: Work) -> Any:
    """Do one write in a savepoint, and return its result or the exception."""
    connection.execute("SAVEPOINT one")
    try:
        answer = work(connection)
    except Exception as refused:
        if not _is_of_one_write(refused):
            raise
        answer = refused
    if isinstance(answer, Exception):
        _forget_position(connection)
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")
    return answer
