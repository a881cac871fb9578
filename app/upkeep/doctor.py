"""Diagnoses a data folder: what is wrong or may become so, each with a remedy.

Nothing is changed: the database is read over a read-only connection.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeAlias

from app.secrets.jwt_secrets import sealed_bytes
from app.secrets.seal import KeyUnusable, id_of
from app.secrets.sealing_key import FILE as KEY_FILE
from app.secrets.sealing_key import present_keyring
from app.settings.database import named_database
from app.settings.extras import ExtraMissing, extra
from app.settings.open_files import highest_limit, open_files
from app.settings.server import Settings
from app.upkeep.clock_watch import BELIEVED_AFTER_MS
from engine import iso_time
from engine.value import value
from journal import (
    CLOCK_MARK,
    DATABASE,
    MARKER,
    NEWEST_MOMENT,
    SEALED,
    SELECT_SUSPECTS,
    SHARDS,
    TOKEN_SECRETS,
    WAITING_WAKES,
    WAL_LIMIT_BYTES,
    ClockMark,
    Connection,
    DatabaseError,
    JournalError,
    WalMissing,
    check_wal,
    damage_of,
    how_to_open,
    looking_at,
    migrations,
    open_read_only,
    processes_of,
    read_mark,
    run_id,
    suspects_of,
)

Level: TypeAlias = Literal["ok", "note", "wrong"]
Compile: TypeAlias = Callable[[str], str | None]
"""Returns why a definition (JSON text) cannot be used on this server; None if it can."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LEAST_FREE_BYTES = 256 * 1024 * 1024
_SHOWN_RUNS = 20
_LATE_MS = 60_000
_SILENT_MS = 2_000
_WAL_RESET_FIXED = (3, 51, 3)


@value(frozen=True, slots=True)
class Finding:
    """The result of one check; `wrong` needs a fix, `note` is worth knowing."""

    what: str
    level: Level
    shown: str
    remedy: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def examine(settings: Settings, now_ms: int, compile_definition: Compile) -> list[Finding]:
    """Check the folder of the settings, and the database if it is elsewhere."""
    database = settings.data / DATABASE
    found = [*_files(settings), *_machine(settings)]
    if settings.database is not None:
        return [*found, *_elsewhere(settings, now_ms, compile_definition)]
    if not database.exists() or database.stat().st_size == 0:
        remedy = "restore it from a backup, or choose another data folder"
        return [*found, Finding("database", "wrong", "missing or empty", remedy)]
    try:
        check_wal(database)
        with closing(open_read_only(database)) as connection:
            found += _database(connection, database)
            if connection.execute("PRAGMA user_version").fetchone()[0] == len(migrations()):
                found += _sealing_key(settings, connection)
                found += _runs(connection, now_ms, compile_definition)
                found += _clock(connection, now_ms)
    except WalMissing as older:
        remedy = f"put it back, restore a backup, or: stepwell accept-loss --data {settings.data}"
        return [*found, Finding("-wal file", "wrong", str(older), remedy)]
    except sqlite3.Error as unusable:
        is_shut = isinstance(unusable, sqlite3.OperationalError)
        remedy = how_to_open(database, unusable) if is_shut else "restore it from a backup"
        found.append(Finding("database", "wrong", f"cannot be read ({unusable})", remedy))
    return found


def _elsewhere(settings: Settings, now_ms: int, compile_definition: Compile) -> Iterator[Finding]:
    """Check the journal in PostgreSQL; the database server itself is its operator's concern."""
    found = list[Finding]()
    try:
        with extra("postgres", "database"), looking_at(named_database(settings)) as connection:
            shown, size = connection.execute(
                "SELECT current_setting('server_version') || ', database ' || current_database()"
                " || ', schema ' || current_schema(), (SELECT sum(pg_total_relation_size(c.oid))"
                " FROM pg_class c WHERE c.relnamespace = CAST(current_schema() AS regnamespace))"
            ).fetchone()
            found.append(Finding("PostgreSQL", "ok", shown))
            found.append(Finding("journal size", "ok", f"{int(size or 0) >> 10} KiB"))
            (schema,) = connection.execute("SELECT max(number) FROM migrations").fetchone()
            if schema < len(migrations()):
                shown = f"the next start brings it to {len(migrations())}"
                found.append(Finding("schema", "note", f"{schema}", shown))
            else:
                found.append(Finding("schema", "ok", f"{schema}"))
                found += _sealing_key(settings, connection)
                found += _runs(connection, now_ms, compile_definition)
                found += _clock(connection, now_ms)
            found += _processes(connection, settings.database_schema, now_ms)
    except (DatabaseError, JournalError, ExtraMissing) as unusable:
        remedy = "see that the server runs, and that the address in `database` is right"
        found.append(Finding("PostgreSQL", "wrong", f"cannot be read ({unusable})", remedy))
    yield from found


def _processes(connection: Connection, schema: str, now_ms: int) -> Iterator[Finding]:
    """Report the processes that share the database, and how many shards each has."""
    rows = processes_of(connection, schema)
    for row in rows:
        since_s = max(0, now_ms - row.since_ms) // 1_000
        leaves = ", leaving" if row.place is None else ""
        leaves += f", silent for {row.silent_ms // 1_000} s" if row.silent_ms >= _SILENT_MS else ""
        yield Finding(f"process {row.name}", "ok", f"{row.shards} shards, for {since_s} s{leaves}")
    wakes, oldest_ms = connection.execute(WAITING_WAKES).fetchone()
    shown = f"{wakes} wait for the process that has their run"
    if oldest_ms is not None:
        shown += f", the oldest for {max(0, now_ms - oldest_ms) // 1_000} s"
    remedy = "start a process" if wakes and not rows else None
    yield Finding("commands", "note" if remedy else "ok", shown, remedy)
    left = SHARDS - sum(row.shards for row in rows)
    if rows and left:
        remedy = "check again in a few seconds: another process takes them over"
        yield Finding("shards", "note", f"{left} of {SHARDS} belong to no process", remedy)


def _files(settings: Settings) -> Iterator[Finding]:
    key = settings.secrets_key_file or settings.data / KEY_FILE
    for what, path in (
        ("data folder", settings.data),
        ("database file", settings.data / DATABASE),
        ("key file", key),
    ):
        if path.exists():
            mode = stat.S_IMODE(path.stat().st_mode)
            shown = f"{path}, mode {mode:04o}"
            if mode & _OTHERS:
                mode_wanted = "700" if path.is_dir() else "600"
                yield Finding(what, "wrong", shown, f"chmod {mode_wanted} {path}")
            else:
                yield Finding(what, "ok", shown)
    if not (settings.data / MARKER).exists():
        remedy = "start the server once: its mark tells a lost database from a new one"
        yield Finding("mark", "note", f"no {MARKER}", remedy)


def _sealing_key(settings: Settings, connection: Connection) -> Iterator[Finding]:
    """Report whether the key at hand opens what the journal holds sealed."""
    key = settings.secrets_key_file or settings.data / KEY_FILE
    if key.exists() and key.stat().st_mode & _OTHERS:
        return  # it has been reported as such
    sealed = [item for (item,) in connection.execute(SEALED)]
    tokens = [sealed_bytes(secret) for (secret,) in connection.execute(TOKEN_SECRETS)]
    needed = {id_of(bytes(item)) for item in (*sealed, *tokens) if item is not None}
    try:
        present = present_keyring(settings, needed)
    except KeyUnusable as unusable:
        remedy = "until then the server does not start"
        yield Finding("sealing key", "wrong", str(unusable), remedy)
    else:
        shown = "none yet, and nothing is sealed" if present is None else "opens what is sealed"
        yield Finding("sealing key", "ok", shown)


def _machine(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.data).free
    is_low = free < _LEAST_FREE_BYTES
    remedy = "make room, or let retention delete old runs" if is_low else None
    yield Finding("disk space", "wrong" if is_low else "ok", f"{free >> 20} MiB free", remedy)
    files = open_files(settings, highest_limit())
    shown = f"limit {files.limit}, the settings need {files.needed}"
    if files.is_enough:
        yield Finding("open files", "ok", shown)
    else:
        yield Finding(
            "open files", "note",
            f"{shown}: {files.connections} connections at once instead of"
            f" {settings.max_connections}",
            "raise the limit (LimitNOFILE= in the unit, ulimit -Hn), or lower max_connections",
        )  # fmt: skip
    if settings.synchronous == "NORMAL":
        yield Finding(
            "synchronous", "wrong", "NORMAL: a power failure may lose acknowledged writes",
            "set synchronous to FULL",
        )  # fmt: skip
    else:
        yield Finding("synchronous", "ok", settings.synchronous)
    if settings.database is None:
        yield _sqlite()


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version_info
    shown = sqlite3.sqlite_version
    if version < _WAL_RESET_FIXED:
        shown += (
            ": versions before 3.51.3 can lose commits when two connections checkpoint at once;"
            " Stepwell writes and checkpoints over one"
        )
    return Finding("SQLite", "ok", shown)


def _database(connection: sqlite3.Connection, database: Path) -> Iterator[Finding]:
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    newest = len(migrations())
    if schema > newest:
        yield Finding("schema", "wrong", f"{schema}, newer than {newest}", "run the newer Stepwell")
    elif schema < newest:
        yield Finding("schema", "note", f"{schema}", f"the next start brings it to {newest}")
    else:
        yield Finding("schema", "ok", f"{schema}")
    (pages,), (free,), (size,) = (
        connection.execute(f"PRAGMA {name}").fetchone()
        for name in ("page_count", "freelist_count", "page_size")
    )
    shown = f"{pages * size >> 10} KiB, of it {free * size >> 10} KiB free pages"
    yield Finding("journal size", "ok", shown)
    wal = database.with_name(database.name + "-wal")
    wal_bytes = wal.stat().st_size if wal.exists() else 0
    is_large = wal_bytes > 2 * WAL_LIMIT_BYTES
    remedy = "close other programs that read the database for long" if is_large else None
    yield Finding("-wal file", "note" if is_large else "ok", f"{wal_bytes >> 10} KiB", remedy)
    damage = damage_of(connection)
    if damage is None:
        yield Finding("quick_check", "ok", "ok")
    else:
        shown = f"the database is damaged: {damage}"
        yield Finding("quick_check", "wrong", shown, "restore it from a backup")


def _runs(connection: Connection, now_ms: int, compile_text: Compile) -> Iterator[Finding]:
    states = connection.execute("SELECT state, count(*) FROM runs GROUP BY state ORDER BY state")
    yield Finding("runs", "ok", ", ".join(f"{count} {state}" for state, count in states) or "none")
    (due,) = connection.execute("SELECT min(due_at_ms) FROM runs").fetchone()
    if due is not None and due < now_ms - _LATE_MS:
        remedy = "start the server: timers fire late rather than never; if it runs, see its log"
        yield Finding("oldest timer", "note", f"due since {iso_time(due)}", remedy)
    elif due is not None:
        yield Finding("oldest timer", "ok", f"due {iso_time(due)}")
    yield from _interrupted(connection)
    stuck = list(_stuck(connection, compile_text))
    if not stuck:
        yield Finding("definitions of open runs", "ok", "all are usable")
    for tenant, workflow_id, version, why, numbers in stuck:
        listed = ", ".join(run_id(number) for number in numbers[:_SHOWN_RUNS])
        more = f" and {len(numbers) - _SHOWN_RUNS} more" if len(numbers) > _SHOWN_RUNS else ""
        yield Finding(
            "stuck runs", "wrong",
            f"{listed}{more} of tenant {tenant}: version {version} of {workflow_id}: {why}",
            "give the server what the definition needs (a plug-in, say) and restart it, or end "
            f"them: stepwell runs terminate --tenant {tenant} --workflow {workflow_id}",
        )  # fmt: skip


def _interrupted(connection: Connection) -> Iterator[Finding]:
    suspects = suspects_of(connection.execute(SELECT_SUSPECTS))[::-1]
    if not suspects:
        yield Finding("interrupted steps", "ok", "none")
        return
    listed = ", ".join(
        f"step {one.step_id} of {one.run_id} (tenant {one.tenant}): {_times(one.interruptions)}"
        for one in suspects[:_SHOWN_RUNS]
    )
    more = f" and {len(suspects) - _SHOWN_RUNS} more" if len(suspects) > _SHOWN_RUNS else ""
    yield Finding(
        "interrupted steps", "note", f"the process ended during them: {listed}{more}",
        "one of them may be the cause: see the end of the log; they are retried one at a time, "
        "and one that is interrupted max_interruptions times fails",
    )  # fmt: skip


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _stuck(
    connection: Connection, compile_text: Compile
) -> Iterator[tuple[str, str, str, str, list[int]]]:
    used = connection.execute(
        "SELECT r.tenant, r.workflow_id, r.version, v.definition FROM"
        " (SELECT DISTINCT tenant, workflow_id, version FROM runs WHERE ended_at_ms IS NULL) r"
        " LEFT JOIN versions v USING (tenant, workflow_id, version)"
    ).fetchall()
    for tenant, workflow_id, version, text in used:
        why = "it is not in the journal" if text is None else compile_text(text)
        if why is not None:
            numbers = connection.execute(
                "SELECT id FROM runs WHERE tenant = ? AND workflow_id = ? AND version = ?"
                " AND ended_at_ms IS NULL ORDER BY id LIMIT 10000",
                (tenant, workflow_id, version),
            )
            yield tenant, workflow_id, version, why, [number for (number,) in numbers]


def _clock(connection: Connection, now_ms: int) -> Iterator[Finding]:
    (newest,) = connection.execute(NEWEST_MOMENT).fetchone()
    row = connection.execute(CLOCK_MARK).fetchone()
    mark = ClockMark(0) if row is None else read_mark(row[0])
    newest = max(newest or 0, mark.seen_ms)
    if newest - now_ms > _LATE_MS:
        yield Finding(
            "clock", "wrong",
            f"it shows {iso_time(now_ms)}, but was at {iso_time(newest)} before: it was set back",
            "set the machine's clock and let NTP keep it; if it is right now, it was wrong before, "
            "and what waits for a moment was set by it",
        )  # fmt: skip
    elif mark.ahead_ms:
        sure = iso_time(mark.doubted_ms + BELIEVED_AFTER_MS)
        yield Finding(
            "clock", "note",
            f"{iso_time(now_ms)}; it went on by {mark.ahead_ms // 1_000} s at once",
            f"if that is wrong, set it; retention counts that time from {sure} on",
        )  # fmt: skip
    else:
        yield Finding("clock", "ok", iso_time(now_ms))


def holder_of(folder: Path, held_by: object) -> Finding:
    """Report which process holds the folder."""
    if held_by is None:
        return Finding("lock", "ok", f"{folder} is free: no server runs on it")
    is_me = held_by == os.getpid()
    return Finding("lock", "ok", f"held by process {held_by}{', the server' if is_me else ''}")
