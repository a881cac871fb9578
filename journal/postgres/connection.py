"""A connection to PostgreSQL for the journal's statements, with its failures as journal errors."""

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.adapt import Buffer
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown, TextLoader

from engine import State, Status
from journal.connection import Clash, Found
from journal.postgres.address import Address
from journal.postgres.dialect import translated, words_query
from journal.postgres.lock_kinds import lock_kind
from journal.postgres.rows import DOES_NOT_FIT, Sent, sent
from journal.postgres.trip import Trip, silence
from journal.rows.event_rows import Row
from journal.rows.run_projection import Statement
from journal.runs.run_filter import WordsQuery

_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_IN_FRONT = frozenset(("BEGIN IMMEDIATE", "SAVEPOINT one", "RELEASE one"))
"""Statements that are sent together with the next one, which saves a round trip."""

_ENDS = frozenset(("COMMIT", "ROLLBACK", "ROLLBACK TO one"))
"""Statements not sent through psycopg, which makes the server forget prepared ones after some."""

_IN_A_TRANSACTION = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
LOCKS = 0x53574C4C  # "SWLL"
WRITER = "writer"
_IDLE_IN_TRANSACTION_MS = 5_000
_MARGIN_S = 2.0
"""How many seconds longer to wait for an answer than a statement may take."""

_OF_ONE_VALUE = ("21", "22", "54")
"""Classes of errors for what one statement was given: it is too much, too long, or no such value.

Written with others in one transaction, it fails alone, as one that clashes (class 23) does. After
all other errors the connection, the schema or the server is in trouble, and so is every write.
"""

_TAKE_ROOM = b"""
    SELECT set_config('temp_tablespaces', current_setting('default_tablespace'), true);
    SET LOCAL work_mem = 64;
    WITH taken AS MATERIALIZED (SELECT repeat('x', 1000) FROM generate_series(1, 1000))
    SELECT count(*) FROM taken
"""
"""Write a temporary file of about 1 MB where the tables are.

A small change finds room in the pages of a table when the disk is full, and an append does not. A
temporary file takes no room in the log of the database, whose disk must not be filled by this.
"""

_WORDS_OID = 3615  # tsquery

_BY_INDEX = ("SET enable_seqscan = off", "SET jit = off")
"""Statements are planned while tables are small, and kept while these grow.

What reads all of a small table would go on to read all of a large one, until the server next
analyzes it. Nor would compiling pay, which the server does for plans that seem to cost much.
"""


class Unreachable(sqlite3.OperationalError):
    """The server cannot be reached, or has closed the connection.

    Clients are told its text. That of a connection that was refused names hosts, users and files,
    so it is only in the cause.
    """


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up a server which does not answer though it keeps the line open.

    Neither TCP nor the server's limit for a statement ends the wait for one whose disk hangs, or
    that is gone while a proxy in front of it is not.

    Attributes:
        patience_s: For how many seconds to wait for an answer; None for ever.
    """

    patience_s: float | None = None

    def wait(self, gen: PQGen[RV], *given: Any, **named_too: Any) -> RV:
        """Wait for what a generator of psycopg waits for. Raises `psycopg.OperationalError`."""
        if self.patience_s is None:
            return super().wait(gen, *given, **named_too)
        return super().wait(self._within(gen, self.patience_s), *given, **named_too)

    def _within(self, gen: PQGen[RV], patience_s: float) -> PQGen[RV]:
        until_s = time.monotonic() + patience_s
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if not ready and time.monotonic() > until_s:
                    self.close()
                    raise silence(patience_s)
                awaited = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result


class PostgresConnection:
    """A connection for statements, used in the thread that owns it.

    A transaction begins by waiting for the one lock that every writer of the database takes, and
    holds it to its end. There is therefore one writer at a time, as in SQLite: what a transaction
    has read stays true until it is committed, and positions of events become visible in their
    order.
    """

    def __init__(self, address: Address, *, writes: bool) -> None:
        """Connect. Raises `Unreachable`."""
        self._patience_s = address.statement_timeout_ms / 1_000 + _MARGIN_S
        self._lock = f"SELECT pg_advisory_xact_lock({lock_of(address, WRITER)})".encode()
        try:
            self.raw = PatientConnection.connect(
                address.conninfo, autocommit=True, client_encoding="utf8"
            )
        except psycopg.Error as failure:
            raise Unreachable("PostgreSQL cannot be reached") from failure
        self.raw.patience_s = self._patience_s
        self._in_front: list[bytes] = []
        self._prepared: dict[bytes, bytes] = {}
        self._warning = ""
        self.raw.add_notice_handler(self._noticed)
        adapters = self.raw.adapters
        for dumped in (Status, State):
            adapters.register_dumper(dumped, _EnumDumper)
        adapters.register_dumper(str, _TextDumper)
        adapters.register_dumper(WordsQuery, _WordsDumper)
        adapters.register_dumper(int, Int8Dumper)
        for kind in ("json", "jsonb"):
            adapters.register_loader(kind, TextLoader)
        try:
            self.raw.execute(_session(address, writes=writes).encode())
        except psycopg.Error as failure:
            self.raw.close()
            raise named(failure) from failure

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun that has not ended."""
        return bool(self._in_front) or self.raw.info.transaction_status in _IN_A_TRANSACTION

    @property
    def is_closed(self) -> bool:
        """Whether the connection is no longer usable."""
        return self.raw.closed

    def execute(self, sql: str, values: Any = (), /) -> Found:
        """Execute a statement. Raises `Clash`, `DatabaseError`."""
        cursor = self.raw.cursor()
        if sql in _IN_FRONT:
            self._put_in_front(sql)
            return cursor
        try:
            if sql in _ENDS:
                self._end(sql.encode())
                return cursor
            said = translated(sql)
            if not self._in_front:
                return cursor.execute(said.text.encode(), said.values(values))
            with self._behind():
                cursor.execute(said.text.encode(), said.values(values))
        except psycopg.Error as failure:
            raise named(failure) from failure
        return cursor

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Found:
        """Execute a statement once for each of the rows. Raises `Clash`, `DatabaseError`."""
        said = translated(sql)
        cursor = self.raw.cursor()
        try:
            with self._behind():
                cursor.executemany(said.text.encode(), [said.values(row) for row in rows])
        except psycopg.Error as failure:
            raise named(failure) from failure
        return cursor

    def write_rows(self, runs: Iterable[Statement], events: Sequence[Row]) -> None:
        """Write the rows of appends in one trip. Raises `Clash`, `DatabaseError`."""
        made = [Sent(one) for one in self._in_front]
        made += sent(runs, events)
        self._in_front.clear()
        with self._in_trip():
            self._trip(made).wait()

    async def append(self, runs: Iterable[Statement], events: Sequence[Row]) -> None:
        """Write and commit the rows of appends in one trip, awaited on the event loop.

        Raises `Clash` if not all of them fit, `DatabaseError` with an unknown outcome.
        """
        made = [Sent(self._lock), *sent(runs, events)]
        self._warning = ""
        with self._in_trip():
            await self._trip(made).arrive()
            self._confirmed()

    def check_room(self) -> None:
        """Check outside of a transaction that tables can grow. Raises `DatabaseError`."""
        try:
            self.raw.execute(_TAKE_ROOM)
        except psycopg.errors.ConfigurationLimitExceeded:
            return  # `temp_file_limit` allows no file of this size, and says nothing of the disk
        except psycopg.errors.DiskFull as failure:  # without the name of the file: each has another
            raise Unreachable("the disk of PostgreSQL is full") from failure
        except psycopg.Error as failure:
            raise named(failure) from failure

    def close(self) -> None:
        """Close it."""
        self.raw.close()

    def _trip(self, made: Sequence[Sent]) -> Trip:
        return Trip(self.raw.pgconn, self._prepared, made, self._patience_s)

    @contextmanager
    def _in_trip(self) -> Iterator[None]:
        """Translate failures; a trip that breaks off leaves the connection unusable."""
        try:
            yield
        except psycopg.Error as failure:
            raise named(failure) from failure
        finally:
            if self.raw.pgconn.pipeline_status != PipelineStatus.OFF:
                self.raw.close()

    @contextmanager
    def _behind(self) -> Iterator[None]:
        """Send the statements that wait to be sent in front, together with the next one."""
        with self.raw.pipeline():
            for one in self._in_front:
                self.raw.execute(one)
            self._in_front.clear()
            yield

    def _put_in_front(self, sql: str) -> None:
        if sql == "BEGIN IMMEDIATE":
            self._in_front = [_BEGIN, self._lock]
        else:
            self._in_front.append(sql.encode())

    def _end(self, how: bytes) -> None:
        """Commit or roll back, after the statements that wait to be sent in front."""
        made = [Sent(one) for one in (*self._in_front, how)]
        self._in_front.clear()
        self._warning = ""
        with self._in_trip():
            self._trip(made).wait()
            self._confirmed()

    def _noticed(self, said: psycopg.errors.Diagnostic) -> None:
        if said.severity_nonlocalized == "WARNING":
            self._warning = said.message_primary or "a warning"

    def _confirmed(self) -> None:
        """Raise if the server warned about a commit: it may not be on the standby.

        A server that stops waiting for its standby otherwise answers as if all were well.
        """
        if self._warning:
            raise Unreachable(f"a commit is not sure: {self._warning}")


def lock_of(address: Address, what: str) -> str:
    """Return the two numbers of an advisory lock of a schema."""
    return f"{LOCKS}, {lock_kind(address.schema, what)}"


def named(failure: psycopg.Error) -> Exception:
    """Return a failure as the class that the journal uses for it."""
    if isinstance(failure, psycopg.IntegrityError) or failure.sqlstate == DOES_NOT_FIT:
        return Clash(_in_words(failure))
    if isinstance(failure, psycopg.DataError) or (failure.sqlstate or "")[:2] in _OF_ONE_VALUE:
        return ValueError(f"PostgreSQL cannot keep it: {_in_words(failure)}")
    if isinstance(failure, psycopg.OperationalError | psycopg.InterfaceError):
        return Unreachable(_in_words(failure))
    return sqlite3.DatabaseError(_in_words(failure))


def for_an_operator(address: Address, *, writes: bool) -> PostgresConnection:
    """Connect for a command. Raises `Unreachable` with the whole reason."""
    try:
        return PostgresConnection(address, writes=writes)
    except Unreachable as failure:
        message = f"{address.shown} cannot be reached: {reason_of(failure)}"
        raise Unreachable(message) from failure


def reason_of(failure: BaseException) -> str:
    """Return why an operation failed, in words that only an operator may read."""
    cause = failure.__cause__
    return _in_words(cause) if isinstance(cause, psycopg.Error) else str(failure)


def _in_words(failure: psycopg.Error) -> str:
    """Return the error message, in one line."""
    said = failure.diag.message_primary or str(failure)
    return re.sub(r"\s+", " ", said).strip() or type(failure).__name__


def _session(address: Address, *, writes: bool) -> str:
    """Set what applies as long as the connection lives."""
    settings = [
        f"SET search_path = {address.schema}",
        f"SET statement_timeout = {address.statement_timeout_ms}",
        f"SET idle_in_transaction_session_timeout = {_IDLE_IN_TRANSACTION_MS}",
        # A snapshot from before the writers' lock is not what the transaction has to continue from.
        "SET default_transaction_isolation = 'read committed'",
        "SET standard_conforming_strings = on",
        *_BY_INDEX,
    ]
    if not writes:
        settings.append("SET default_transaction_read_only = on")
    return "; ".join(settings)


class _TextDumper(StrDumperUnknown):
    """Text whose type the statement states. PostgreSQL cannot store a zero character."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _EnumDumper(StrDumperUnknown):
    """A word for a status or a state."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(str(obj))


class _WordsDumper(StrDumperUnknown):
    """A full-text query."""

    oid = _WORDS_OID

    def dump(self, obj: str) -> Buffer | None:
        assert isinstance(obj, WordsQuery)  # noqa: S101 - what it is registered for
        return super().dump(words_query(obj))
