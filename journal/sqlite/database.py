"""Opens the SQLite file: settings, migrations, and refusal of files that are not a journal."""

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from journal.connection import Connection
from journal.errors import Damaged
from journal.opening_errors import BadDatabase, CannotOpen
from journal.reading.disk_reads import disk_reads
from journal.reading.near_reads import readable
from journal.sqlite.checkpoints import check_wal, has_wal, open_as_it_is
from journal.sqlite.durable_files import sync, write_whole
from journal.sqlite.lock import FolderLock
from journal.sqlite.pace import Pace
from journal.sqlite.reading import ReadingConnection
from journal.sqlite.reflush import reflush
from journal.writing.transaction import RememberingConnection, Transaction

DATABASE = "journal.sqlite3"
MARKER = "stepwell.json"
LEAVING = "leaving"
"""In `meta`, the mark of a move from this journal that has begun."""

_APPLICATION_ID = 0x53574C4C  # "SWLL"
_BUSY_MS = 5_000
WAL_LIMIT_BYTES = 16 * 1024 * 1024
C = TypeVar("C", bound=aiosqlite.Connection)

# sqlite3 searches for an adapter for everything except int, float, str and bytearray, which takes
# six times as long as this; the bound value is the same.
sqlite3.register_adapter(bytes, bytearray)
sqlite3.register_adapter(type(None), dict[None, None]().get)
_ROWS_A_TRIP = 64


class WritingConnection(aiosqlite.Connection):
    """A connection that runs a whole transaction as one call.

    aiosqlite switches to its thread and back for each statement, which costs more than the
    statement. One caller at a time: its thread is idle while the loop's thread is used.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection], rows: int) -> None:
        """Take the function that opens the connection, and how many rows one fetch brings."""
        super().__init__(connector, rows)
        self._pace = Pace()

    async def transact(self, work: Transaction, rows: int) -> Any:
        """Do `work`, a transaction of `rows` rows, and return its result."""
        pace = self._pace
        began_s = pace.now_s()
        if pace.fits(rows) and (connection := self._connection) is not None:
            begun_s = None
            try:
                answer = work.begin(connection)
                begun_s = pace.now_s()
                work.commit(connection)
            finally:
                ended_s = pace.now_s()
                begun_s = begun_s or ended_s
                pace.on_loop(begun_s - began_s, ended_s - begun_s)
            return answer
        if not pace.begins_on_loop(rows):
            return await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        read_before = disk_reads()
        try:
            answer = work.begin(self._conn)
        finally:
            pace.begun(pace.now_s() - began_s, from_disk=disk_reads() != read_before)
        pace.on_thread(await self._commit(work))
        return answer

    async def briefly(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Execute one short statement, where transactions are written now; return its rows.

        Under load each trip to the thread and back takes milliseconds, in which nothing is written.
        """
        if self._pace.is_short and (connection := self._connection) is not None:
            return connection.execute(sql, values).fetchall()
        return list(await self.execute_fetchall(sql, values))

    async def checkpoint(self) -> tuple[int, int, int]:
        """Write back what no reader needs.

        Returns whether something prevented it, how many frames there are, and how many of them have
        been written back.
        """
        pace, sql = self._pace, "PRAGMA wal_checkpoint(PASSIVE)"
        if (connection := self._connection) is None or not pace.checkpoints_on_loop():
            (row,) = await self.execute_fetchall(sql)
            return tuple(row)
        began_s = pace.now_s()
        try:
            (row,) = connection.execute(sql).fetchall()
            return tuple(row)
        finally:
            pace.checkpointed(pace.now_s() - began_s)

    async def _commit(self, work: Transaction) -> float:
        """Commit on the thread; return how many seconds that took, without the way there."""

        def timed(connection: sqlite3.Connection) -> float:
            began_s = self._pace.now_s()
            work.commit(connection)
            return self._pace.now_s() - began_s

        took_s: float = await self._execute(timed, self._conn)  # type: ignore[no-untyped-call]
        return took_s


def prepare(folder: Path, lock: FolderLock, *, to_move: bool = False) -> Path:
    """Create or check the database in `folder`, bring its schema up to date, return its path.

    Everything that can be read in it afterwards is on disk.

    Raises:
        Damaged: It is missing though it was there before, or not a Stepwell database, or written by
            a newer version.
        WalMissing: The newest part of it is missing.
        BadDatabase: It was moved, or is being moved; allowed with `to_move`.
        CannotOpen: The disk or another program prevents opening it.
    """
    file, marker = folder / DATABASE, folder / MARKER
    try:
        if not marker.exists() and not file.exists() and not has_wal(file):
            create(file)
        _check_wal_belongs(file, lock)
        must_be_journal(file)
        check_wal(file)
        lock.holds(file)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            reflush(file)
            connection.execute("ROLLBACK")
            _migrate(connection)
            if not to_move:
                must_not_be_moved(connection)
    except sqlite3.OperationalError as refused:
        raise CannotOpen(file, refused) from refused
    except sqlite3.DatabaseError as unusable:
        raise Damaged(file, f"is not a usable database ({unusable})") from unusable
    except OSError as refused:
        raise CannotOpen(file, refused) from refused
    if not marker.exists():
        mark_folder(folder)
    return file


async def open_writer(file: Path, synchronous: str) -> WritingConnection:
    """Open the one connection that writes and checkpoints."""
    return await _open(
        WritingConnection,
        file,
        f"synchronous = {synchronous}",
        "foreign_keys = ON",
        f"busy_timeout = {_BUSY_MS}",
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        "wal_autocheckpoint = 0",  # `journal/sqlite/checkpoints.py` does it
    )


async def open_reader(file: Path) -> ReadingConnection:
    """Open a connection that cannot write and never checkpoints.

    It must be closed before the writer: the last connection to be closed checkpoints.
    """
    connection = await _open(
        ReadingConnection,
        file,
        "query_only = ON",
        f"busy_timeout = {_BUSY_MS}",
        "wal_autocheckpoint = 0",
    )
    connection.text_factory = readable  # important rows have a hash
    return connection


async def _open(kind: type[C], file: Path, *pragmas: str) -> C:
    open_it = partial(
        sqlite3.connect, file, isolation_level=None, cached_statements=256,
        check_same_thread=kind is not WritingConnection,
        factory=RememberingConnection if kind is WritingConnection else sqlite3.Connection,
    )  # fmt: skip
    connection = kind(open_it, _ROWS_A_TRIP)
    await connection
    try:
        for pragma in pragmas:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        raise
    return connection


def create(file: Path) -> None:
    """Make an empty database under another name, and rename it once it is on disk."""
    new = file.with_name(file.name + ".new")
    for left_over in file.parent.glob(f"{new.name}*"):
        left_over.unlink()
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")  # all of it is flushed below
            _migrate(connection, at_once=True)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.fsync(handle)
    finally:
        os.close(handle)
    new.rename(file)
    sync(file.parent)


def must_be_journal(file: Path) -> None:
    """Refuse a file that is not a journal that this version knows, without touching it.

    Raises `Damaged`, `CannotOpen`, and `BadDatabase` if the journal is elsewhere.
    """
    if not file.exists() and (place := place_of(file.parent)):
        raise BadDatabase(f"the journal of {file.parent} is in {place}: set `database`")
    if not file.exists():
        raise Damaged(file, "is missing, though this folder has held a database")
    if file.stat().st_size == 0:
        raise Damaged(file, "is empty, so it is not a database")
    try:
        with closing(open_as_it_is(file)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError as refused:
        raise CannotOpen(file, refused) from refused
    except sqlite3.DatabaseError as unusable:
        raise Damaged(file, f"is not a usable database ({unusable})") from unusable
    if application != _APPLICATION_ID:
        raise Damaged(file, "is not a Stepwell database")
    newest = len(migrations())
    if version > newest:
        raise Damaged(
            file, f"was written by a newer Stepwell (schema {version}, this one knows {newest})"
        )


def _check_wal_belongs(file: Path, lock: FolderLock) -> None:
    """Refuse a database that replaced the one whose -wal file is still there.

    SQLite would mix the two. A folder that was copied as a whole has another lock file.
    """
    left = lock.left_behind
    if left.get("lock") != lock.inode or not has_wal(file) or not file.exists():
        return
    if left.get("database") not in (None, file.stat().st_ino):
        raise Damaged(
            file,
            f"was put in place of another database, whose newest part is still in {file.name}-wal. "
            f"To use the one that is there now, move {file.name}-wal and {file.name}-shm away; to "
            "use the former one, put it back",
        )


def migrations() -> list[str]:
    """Return the SQL of every migration, oldest first."""
    folder = files("journal") / "migrations"
    scripts = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in scripts]


def _migrate(connection: sqlite3.Connection, *, at_once: bool = False) -> None:
    """Apply what is missing, each migration in one transaction with its version number.

    `at_once` applies all of them in one transaction, for a database that nobody has yet.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = [
        f"{script}\nPRAGMA user_version = {number};\n"
        for number, script in enumerate(migrations()[version:], start=version + 1)
    ]
    for script in ["".join(scripts)] if at_once else scripts:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}COMMIT;")


def mark_folder(folder: Path, kept_in: str | None = None) -> None:
    """Leave a durable mark, so that a folder that lost its database is not taken for a new one.

    `kept_in` says where the journal is, if it is not in a file of the folder.
    """
    said = {"stepwell": 1} if kept_in is None else {"stepwell": 1, "journal": kept_in}
    write_whole(folder / MARKER, json.dumps(said).encode())


def place_of(folder: Path) -> str | None:
    """Return where, by its mark, a folder's journal is; None if it is in the folder."""
    try:
        said = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said.get("journal") if isinstance(said, dict) else None


def must_not_be_moved(connection: Connection) -> None:
    """Raise `BadDatabase` if a move to it is unfinished, or has taken the journal elsewhere.

    A move from it that has not ended begins anew: what it has copied changes from now on.
    """
    for mark, said in connection.execute(
        "SELECT key, value FROM meta WHERE key IN ('moved', 'moving')"
    ).fetchall():
        if mark == "moved":
            raise BadDatabase(f"its journal was moved to {said}: use that")
        raise BadDatabase("a move to it has not ended: repeat the same `stepwell move`")
    connection.execute("DELETE FROM meta WHERE key = ?", (LEAVING,))


def must_hold_none(folder: Path) -> None:
    """Raise `BadDatabase` if the folder holds a journal itself."""
    if (folder / DATABASE).exists():
        raise BadDatabase(
            f"{folder} holds a journal in SQLite; choose another data folder for one "
            "that is in PostgreSQL"
        )


def begin_elsewhere(folder: Path, kept_in: str) -> None:
    """Mark a folder whose journal is elsewhere, once that journal has been reached."""
    if not (folder / MARKER).exists() or place_of(folder) != kept_in:
        mark_folder(folder, kept_in)
