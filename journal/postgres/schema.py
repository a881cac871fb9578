"""Creates the tables in PostgreSQL and brings them up to date, by one process at a time.

A server older than the tables keeps working beside a newer one, as long as no migration that it
does not know has removed something. Such a migration says `-- contracts` in its first line, and is
released one version after the code that can do without.
"""

import logging
import time
from collections.abc import Iterator
from importlib.resources import files

import psycopg

from journal.opening_errors import BadDatabase
from journal.postgres.address import Address
from journal.postgres.connection import (
    LOCKS,
    PatientConnection,
    PostgresConnection,
    lock_of,
    named,
)
from journal.postgres.dialect import migration
from journal.postgres.lock_kinds import HOLDERS, STUCK_S, lock_kind, unsigned
from journal.sqlite.database import migrations, must_not_be_moved

_OLDEST = 120_000
"""The oldest version of PostgreSQL that has all the features used, as the server numbers it."""

_LOCK = "migrations"
_LOOK_EVERY_S = 0.2
_SAY_EVERY = 50
_log = logging.getLogger(__name__)

_CONTRACTS = "-- contracts"
_BASE = 15


def prepare(connection: PostgresConnection, address: Address, *, to_move: bool = False) -> None:
    """Make what is missing in the schema, each migration in a transaction with its number.

    Raises:
        BadDatabase: The database is not usable, has been written by a newer version, or is one
            end of a move; `to_move` lets that be.
        DatabaseError: The server is in trouble.
    """
    try:
        _must_have_sessions(connection.raw, address)
        _check(connection.raw, relaxed=address.relaxed)
        _migrate(connection.raw, address)
        if not to_move:
            must_not_be_moved(connection)
    except psycopg.Error as failure:
        if isinstance(failure, psycopg.errors.InsufficientPrivilege):
            raise BadDatabase(
                f"{failure.diag.message_primary}; let the user create the schema "
                f"(GRANT CREATE ON DATABASE), or make it: CREATE SCHEMA {address.schema} "
                "AUTHORIZATION the user"
            ) from failure
        raise named(failure) from failure


def _must_have_sessions(raw: PatientConnection, address: Address) -> None:
    """Raise `BadDatabase` if connections have no session of their own in the server.

    Two that are open at the same time are then served by one session, or one of them by several.
    """
    with PatientConnection.connect(address.conninfo, autocommit=True) as another:
        seen = {tuple(map(_session, (raw, another))) for _ in range(3)}
    if len(seen) > 1 or any(here == there for here, there in seen):
        raise BadDatabase(
            "a connection pooler in front of it pools by transaction, which loses the locks by "
            "which processes share the work: let it pool by session (PgBouncer: pool_mode = "
            "session), or connect without it"
        )


def _session(raw: PatientConnection) -> int:
    ((backend,),) = raw.execute("SELECT pg_backend_pid()").fetchall()
    return int(backend)


def _check(raw: psycopg.Connection, *, relaxed: bool) -> None:
    if raw.info.server_version < _OLDEST:
        raise BadDatabase("PostgreSQL 12 is the oldest that is possible")
    if raw.execute("SHOW transaction_read_only").fetchone() == ("on",):
        raise BadDatabase(
            "it is read-only, as a standby is: give the address of the primary, or those of all "
            "servers with target_session_attrs=read-write"
        )
    for setting in () if relaxed else ("fsync", "synchronous_commit"):
        row = raw.execute(f"SHOW {setting}".encode()).fetchone()
        if row == ("off",):
            raise BadDatabase(
                f"{setting} is off there, so that answers may be lost when the server fails. "
                "Turn it on (for this user: ALTER ROLE ... SET), or accept that with the setting "
                "synchronous = NORMAL"
            )
    row = raw.execute("SHOW server_encoding").fetchone()
    if row != ("UTF8",):
        raise BadDatabase(f"its encoding is {row and row[0]}, and must be UTF8")


def _migrate(raw: PatientConnection, address: Address) -> None:
    """Migrate, however long that takes, and however long another process is migrating."""
    lock = lock_of(address, _LOCK)
    patience_s, raw.patience_s = raw.patience_s, None
    limit = raw.execute("SELECT current_setting('statement_timeout')").fetchone()
    raw.execute("SET statement_timeout = 0")
    try:
        _take_turn(raw, address)
        known = raw.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", (address.schema,)
        ).fetchone()
        if known is None:
            raw.execute(f"CREATE SCHEMA {address.schema}".encode())
        raw.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number bigint PRIMARY KEY,"
            " contracts boolean NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        done: dict[int, bool] = dict(
            raw.execute("SELECT number, contracts FROM migrations").fetchall()
        )
        newest = len(migrations())
        if any(number > newest and contracts for number, contracts in done.items()):
            raise BadDatabase(f"a newer Stepwell has changed it (schema {max(done)}, not {newest})")
        for number, script in scripts():
            if number not in done:
                with raw.transaction():
                    raw.execute(script.encode())
                    raw.execute(
                        "INSERT INTO migrations (number, contracts) VALUES (%s, %s)",
                        (number, script.startswith(_CONTRACTS)),
                    )
    finally:
        raw.patience_s = patience_s
        if not raw.closed:
            raw.execute(f"SELECT pg_advisory_unlock({lock})".encode())
            raw.execute("SELECT set_config('statement_timeout', %s, false)", limit)


def _take_turn(raw: PatientConnection, address: Address) -> None:
    """Wait for the lock of migrations, and say who holds it.

    A process that was suspended between two migrations would keep it for ever: its session, in
    which nothing happens, is ended.
    """
    attempt = f"SELECT pg_try_advisory_lock({lock_of(address, _LOCK)})".encode()
    named = {"kind": LOCKS, "number": unsigned(lock_kind(address.schema, _LOCK))}
    turns = 0
    while raw.execute(attempt).fetchone() != (True,):
        for pid, name, host, state, silent_s, is_ended in raw.execute(
            HOLDERS, {**named, "stuck_s": STUCK_S}
        ).fetchall():
            follows = ", and was ended" if is_ended else ""
            if is_ended or turns % _SAY_EVERY == 0:
                _log.warning(
                    "waiting for another process that migrates the database: "
                    "session %s of %s from %s, %s for %s s%s",
                    *(pid, name, host, state, silent_s, follows),
                )
        turns += 1
        time.sleep(_LOOK_EVERY_S)


def scripts() -> Iterator[tuple[int, str]]:
    """Return the migrations for PostgreSQL with their numbers, oldest first."""
    folder = files("journal") / "postgres" / "migrations"
    own = {
        int(item.name[:4]): item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".sql")
    }
    for number, script in enumerate(migrations(), start=1):
        if number >= _BASE:
            yield number, own.get(number) or migration(script)
