"""The advisory locks of processes as PostgreSQL lists them, and who holds them."""

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from journal.connection import Connection
from journal.processes.locks import ProcessRow

PLACE_LOCKS, SHARD_LOCKS = "places", "shards"

STUCK_S = 10
"""For how many seconds whoever holds the writers' lock may leave a batch half sent.

A process that was suspended, or cut off, in the middle of sending one keeps the lock: until the
batch is whole, no time limit of the server applies.
"""

LOOK = """
    WITH stuck AS MATERIALIZED (
        SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND l.classid::bigint = %(writers)s AND l.objid::bigint = %(writer)s
          AND a.state = 'active' AND a.wait_event = 'ClientRead'
          AND a.state_change < clock_timestamp() - make_interval(secs => %(stuck_s)s)
          AND pg_has_role(a.usesysid, 'MEMBER')
    )
    SELECT l.classid::bigint = %(places)s AS is_place, l.objid::int AS number,
           l.pid = pg_backend_pid() AS is_own,
           (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms,
           (SELECT count(*) FROM stuck) AS freed
    FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid::bigint IN (%(places)s, %(shards)s)
"""
"""How the locks of processes are held; also ends a session that is stuck with the writers' lock."""

HOLDERS = """
    SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'a socket'), a.state,
           CAST(extract(epoch FROM clock_timestamp() - a.state_change) AS int),
           CASE WHEN (a.state LIKE 'idle%%' OR a.wait_event = 'ClientRead')
                     AND a.state_change < clock_timestamp() - make_interval(secs => %(stuck_s)s)
                     AND pg_has_role(a.usesysid, 'MEMBER')
                THEN pg_terminate_backend(a.pid) ELSE false END
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid::bigint = %(kind)s AND l.objid::bigint = %(number)s
"""
"""Who holds a lock; also ends a session that holds it and has been silent for `stuck_s`."""

WHO = """
    SELECT held.place, a.application_name,
           CAST(extract(epoch FROM a.backend_start) * 1000 AS bigint),
           CAST(extract(epoch FROM clock_timestamp() - a.state_change) * 1000 AS bigint),
           held.shards
    FROM (SELECT l.pid, min(CAST(l.objid AS bigint)) FILTER (WHERE CAST(l.classid AS bigint) = ?)
                 AS place, count(*) FILTER (WHERE CAST(l.classid AS bigint) = ?) AS shards
          FROM pg_locks l
          WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND CAST(l.classid AS bigint) IN (?, ?)
          GROUP BY l.pid) AS held
    JOIN pg_stat_activity a ON a.pid = held.pid
    ORDER BY held.place, a.backend_start
"""
"""The processes that share a schema, queried with `kinds_of`; one that leaves has no place."""


def lock_kind(schema: str, what: str) -> int:
    """Return the number of a kind of lock, which differs between schemas."""
    number = crc32(f"{schema} {what}".encode())
    return number - 2**32 if number >= 2**31 else number


def unsigned(number: int) -> int:
    """Return a number as `pg_locks` shows it."""
    return number % 2**32


def processes_of(connection: Connection, schema: str) -> list[ProcessRow]:
    """Return the processes that share a schema, by their places."""
    return process_rows(connection.execute(WHO, kinds_of(schema)).fetchall())


def kinds_of(schema: str) -> Sequence[int]:
    """Return the values of `WHO`."""
    return [unsigned(lock_kind(schema, what)) for what in (PLACE_LOCKS, SHARD_LOCKS)] * 2


def process_rows(rows: Iterable[Sequence[Any]]) -> list[ProcessRow]:
    """Return the processes that `WHO` has found."""
    return [
        ProcessRow(
            None if place is None else int(place),
            str(name).removeprefix("stepwell "),
            int(since),
            max(0, int(silent)),
            int(shards),
        )
        for place, name, since, silent, shards in rows
    ]
