"""Opening the one SQLite file: settings, migrations, and refusing what is not ours."""

import json
import os
import sqlite3
from importlib.resources import files
from pathlib import Path

import aiosqlite

from journal.errors import Damaged

DATABASE = "journal.sqlite3"
MARKER = "stepwell.json"
_APPLICATION_ID = 0x53574C4C  # "SWLL"
_BUSY_MS = 5_000
WAL_LIMIT_BYTES = 16 * 1024 * 1024
SYNCHRONOUS = ("FULL", "NORMAL", "EXTRA")


def prepare(folder: Path) -> Path:
    """Create or check the database in `folder`, bring its schema up to date, give its path.

    Raises:
        Damaged: It is missing though it was there before, or not a Stepwell database, or
            written by a newer version.
    """
    file, marker = folder / DATABASE, folder / MARKER
    is_new = not marker.exists() and not file.exists()
    if not is_new and (not file.exists() or file.stat().st_size == 0):
        raise Damaged(file, "is missing or empty, though this folder has held a database")
    if is_new:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        with sqlite3.connect(file, isolation_level=None) as connection:
            if is_new:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            _check(connection, file)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection)
        connection.close()
    except sqlite3.DatabaseError as unusable:
        if isinstance(unusable, sqlite3.OperationalError):
            raise Damaged(file, f"cannot be used ({unusable})") from unusable
        raise Damaged(file, f"is not a usable database ({unusable})") from unusable
    if not marker.exists():
        mark(folder)
    return file


async def open_writer(file: Path, synchronous: str) -> aiosqlite.Connection:
    """Open the one connection that writes and checkpoints."""
    connection = await aiosqlite.connect(file, isolation_level=None, cached_statements=256)
    for pragma in (
        f"synchronous = {synchronous}",
        "foreign_keys = ON",
        f"busy_timeout = {_BUSY_MS}",
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        "wal_autocheckpoint = 1000",
    ):
        await connection.execute_fetchall(f"PRAGMA {pragma}")
    return connection


async def open_reader(file: Path) -> aiosqlite.Connection:
    """Open a connection that cannot write."""
    connection = await aiosqlite.connect(file, isolation_level=None, cached_statements=256)
    for pragma in ("query_only = ON", f"busy_timeout = {_BUSY_MS}", "wal_autocheckpoint = 0"):
        await connection.execute_fetchall(f"PRAGMA {pragma}")
    return connection


def _check(connection: sqlite3.Connection, file: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION_ID:
        raise Damaged(file, "is not a Stepwell database")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    newest = len(migrations())
    if version > newest:
        raise Damaged(
            file, f"was written by a newer Stepwell (schema {version}, this one knows {newest})"
        )


def migrations() -> list[str]:
    """Give the SQL of every migration, oldest first."""
    folder = files("journal") / "migrations"
    scripts = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in scripts]


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, each migration in one transaction with its version number."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(migrations()[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
        )


def mark(folder: Path) -> None:
    """Leave a mark, durable, so that a lost database is not taken for a new folder."""
    with (folder / MARKER).open("w", encoding="utf-8") as out:
        json.dump({"stepwell": 1}, out)
        out.flush()
        os.fsync(out.fileno())
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
