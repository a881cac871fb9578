"""Moves a journal to another database: copies every row unchanged, then verifies the copy.

Rows are copied table by table in the order of their keys. The progress is stored in the transaction
of each part, so an interrupted move continues where it was. No server can use the target while a
move is unfinished: it is marked in `meta`, and the source gets its mark before the target loses its
own. A server may use the source after an interruption; it then removes the mark of the move that
had begun, and the next move copies everything anew.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from engine.counted import counted
from engine.value import value
from journal.connection import Connection
from journal.errors import Damaged, JournalError
from journal.rows.columns import KEEP_ENTRY
from journal.runs.run_inputs import INPUTS_UP_TO
from journal.sqlite.database import DATABASE, LEAVING, MARKER, create, place_of, prepare
from journal.sqlite.lock import FolderLock
from journal.sqlite.soundness import damage_of
from journal.verification import Verified, verify
from journal.writing.transaction import LAST_POSITION

MOVING, MOVED = "moving", "moved"
_OF_ITS_PLACE = (MOVING, MOVED, LEAVING, "needs_wal", "checkpoint", "tried", INPUTS_UP_TO)
"""Keys of `meta` that describe the database, not the journal in it."""

_FULL_TEXTS = ("run_words", "run_input_words", "sqlite_")
_MADE_BY_OTHERS = ("meta", "run_labels", "run_inputs")
_ROWS, _CHARACTERS = 5_000, 8_000_000
"""The size of one part of a table: rows, and characters."""

Row: TypeAlias = Sequence[Any]


class MoveRefused(JournalError):
    """The journal cannot be moved this way; the message says why, and nothing was changed."""


@value(frozen=True, slots=True)
class Table:
    """A table with its columns and the columns of its key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class End(Protocol):
    """A database from which, or to which, a journal is moved.

    Attributes:
        shown: Where it is, for people.
        connection: The connection that reads from it.
    """

    @property
    def shown(self) -> str:
        """Where it is, for people."""
        ...

    @property
    def connection(self) -> Connection:
        """The connection that reads from it."""
        ...

    def rows(self, table: Table, after: Row | None) -> Iterator[Row]:
        """Read the rows of a table in the order of their keys, beginning after a key."""
        ...

    def write(self, table: Table, rows: Sequence[Row], progress: str) -> None:
        """Add rows and store the progress, in one transaction."""
        ...

    def replace_meta(self, rows: Sequence[Row], last_position: int) -> None:
        """Replace the journal's entries in `meta`, and continue positions from `last_position`."""
        ...

    def close(self) -> None:
        """Release it for others."""
        ...


class FolderEnd:
    """A journal in the SQLite file of a folder that no server uses."""

    def __init__(self, folder: Path, *, new: bool) -> None:
        """Take the folder; with `new`, make a database in it if there is none.

        Raises:
            Locked: A process uses it.
            JournalError: It cannot be opened; says why.
        """
        self.shown = str(folder)
        self.folder = folder
        self._file = folder / DATABASE
        if not new and not self._file.exists():
            place = place_of(folder)
            raise MoveRefused(
                f"{folder} holds no journal in SQLite" + (f": it is in {place}" if place else "")
            )
        self._lock = FolderLock(folder)
        try:
            if new and not self._file.exists():
                create(self._file)
                (folder / MARKER).unlink(missing_ok=True)
            prepare(folder, self._lock, to_move=True)
            self._own = sqlite3.connect(self._file, isolation_level=None)
            self._own.execute("PRAGMA synchronous = FULL")
            if not new:
                self._must_be_sound()
        except BaseException:
            self._lock.release()
            raise
        self.connection: Connection = self._own

    def _must_be_sound(self) -> None:
        """Raise `Damaged` if pages are, since rows that cannot be found would not be missed."""
        try:
            damage = damage_of(self._own)
        except sqlite3.DatabaseError as unreadable:
            damage = str(unreadable)
        if damage is not None:
            raise Damaged(self._file, f"is damaged ({damage})")

    def tables(self) -> list[Table]:
        """Return the tables of a journal; those that others refer to come first."""
        names = [
            name
            for (name,) in self._own.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
            )
            if not name.startswith(_FULL_TEXTS) and name not in _MADE_BY_OTHERS
        ]
        above = {
            name: {row[2] for row in self._own.execute(f"PRAGMA foreign_key_list({name})")}
            for name in sorted(names)
        }
        found = []
        for name in TopologicalSorter(above).static_order():
            columns = self._own.execute(f"PRAGMA table_info({name})").fetchall()
            key = sorted((place, column) for _, column, _, _, _, place in columns if place)
            found.append(
                Table(name, tuple(one[1] for one in columns), tuple(column for _, column in key))
            )
        return found

    def rows(self, table: Table, after: Row | None) -> Iterator[Row]:
        """Read the rows of a table in the order of their keys, beginning after a key."""
        with closing(
            self._own.execute(select(table, "?" if after else None), after or ())
        ) as found:
            yield from found

    def write(self, table: Table, rows: Sequence[Row], progress: str) -> None:
        """Add rows and store the progress, in one transaction."""
        marks = ", ".join("?" for _ in table.columns)
        self._own.execute("BEGIN IMMEDIATE")
        try:
            self._own.executemany(
                f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})", rows
            )
            set_mark(self._own, MOVING, progress)
            self._own.execute("COMMIT")
        except BaseException:
            if self._own.in_transaction:
                self._own.execute("ROLLBACK")
            raise

    def replace_meta(self, rows: Sequence[Row], last_position: int) -> None:
        """Replace the journal's entries in `meta`, and continue positions from `last_position`."""
        self._own.execute("BEGIN IMMEDIATE")
        put_meta(self._own, rows)
        self._own.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
        self._own.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (last_position,)
        )
        self._own.execute("COMMIT")

    def close(self) -> None:
        """Release it for others."""
        self._own.close()
        self._lock.release()

    def put_away(self) -> Path:
        """Rename the file, so that the folder no longer holds a journal."""
        self._own.execute("PRAGMA journal_mode = DELETE")
        self._own.close()
        away = self._file.with_name(f"{self._file.name}.moved")
        self._file.rename(away)
        return away


def move(
    source: End,
    target: End,
    tables: Sequence[Table],
    tell: Callable[[str], None],
    beside: Callable[[], object] = lambda: None,
) -> Verified:
    """Copy a journal, verify the copy, and mark the source as moved.

    `beside` moves what is not in the database; it is called before the marks, perhaps repeatedly.

    Raises:
        MoveRefused: One of the databases is unsuitable, or the copy is incomplete.
        DatabaseError: A database failed; repeating the move continues where it was.
    """
    elsewhere = mark_of(source.connection, MOVED)
    if elsewhere == target.shown:  # only the last part of the move is missing
        beside()
        set_mark(target.connection, MOVING, None)
        return verify(target.connection, lambda _: None)
    if elsewhere is not None:
        raise MoveRefused(f"{source.shown} has been moved to {elsewhere} already")
    if mark_of(source.connection, MOVING) is not None:
        raise MoveRefused(f"a move to {source.shown} has not ended; repeat that one first")
    progress = _begun(source, target, tables, tell)
    for table in tables:
        if not progress.tables.get(table.name, {}).get("whole"):
            _copy(source, target, table, progress, tell)
    rows = source.connection.execute("SELECT key, value FROM meta ORDER BY key").fetchall()
    (last,) = source.connection.execute(LAST_POSITION).fetchone()
    target.replace_meta([row for row in rows if row[0] not in _OF_ITS_PLACE], last or 0)
    try:
        found = _proved(source, target, tables, tell)
    except MoveRefused:
        set_mark(source.connection, LEAVING, None)  # when that is mended, everything is copied anew
        raise
    beside()
    set_mark(source.connection, MOVED, target.shown)
    set_mark(target.connection, MOVING, None)
    return found


@value(frozen=True, slots=True)
class _Progress:
    """How far a move is, as the target stores it.

    Attributes:
        source: The place from which it moves.
        token: The mark in the source, which is gone once a server has used it.
        tables: What has been copied of each table.
    """

    source: str
    token: str
    tables: dict[str, Any]

    def stored(self) -> str:
        return json.dumps({"from": self.source, "token": self.token, "tables": self.tables})


def _proved(
    source: End, target: End, tables: Sequence[Table], tell: Callable[[str], None]
) -> Verified:
    """Return what was verified of a copy. Raises `MoveRefused` if it is not whole."""
    for table in tables:
        counts = [_count(end.connection, table.name) for end in (source, target)]
        if counts[0] != counts[1]:
            raise MoveRefused(
                f"{table.name} has {counted(counts[0], 'row')}, and {counts[1]} of them arrived"
            )
    found = verify(target.connection, lambda so_far: tell(f"{counted(so_far.runs, 'run')} proved"))
    if found.faults:
        fault = found.faults[0]
        raise MoveRefused(
            f"{counted(len(found.faults), 'fault')} in what has arrived, the first:"
            f" {fault.run_id or ''} {fault.what};"
            " the journal that was to be moved is as it was: see what `stepwell verify` says of it"
        )
    return found


def _begun(
    source: End, target: End, tables: Sequence[Table], tell: Callable[[str], None]
) -> _Progress:
    """Return the progress of the move; begin it if the target is empty, or not up to date."""
    said = mark_of(target.connection, MOVING)
    if said is not None:
        found = json.loads(said)
        if found["from"] != source.shown:
            raise MoveRefused(f"a move from {found['from']} to {target.shown} has not ended")
        token = found.get("token")
        if token is not None and token == mark_of(source.connection, LEAVING):
            return _Progress(source.shown, token, found["tables"])
        tell(f"{source.shown} has been used since the move began: everything is copied anew")
        for table in reversed(tables):
            target.connection.execute(f"DELETE FROM {table.name}")
    elif mark_of(target.connection, MOVED) is not None or any(
        target.connection.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone()
        for table in tables
    ):
        raise MoveRefused(f"{target.shown} holds a journal already; choose an empty place")
    begun = _Progress(source.shown, secrets.token_hex(8), {})
    set_mark(source.connection, LEAVING, begun.token)
    set_mark(target.connection, MOVING, begun.stored())
    return begun


def _copy(
    source: End, target: End, table: Table, progress: _Progress, tell: Callable[[str], None]
) -> None:
    standing = progress.tables.setdefault(table.name, {"after": None, "rows": 0, "whole": False})
    key = [table.columns.index(column) for column in table.key]
    part, size = list[Row](), 0

    def write(*, whole: bool) -> None:
        nonlocal part, size
        if part:
            standing["after"] = [part[-1][at] for at in key]
        standing["rows"] += len(part)
        standing["whole"] = whole
        target.write(table, part, progress.stored())
        part, size = [], 0
        tell(f"{table.name}: {standing['rows']} rows")

    for row in source.rows(table, standing["after"]):
        part.append(row)
        size += sum(len(item) for item in row if isinstance(item, str | bytes))
        if len(part) >= _ROWS or size >= _CHARACTERS:
            write(whole=False)
    write(whole=True)


def select(table: Table, mark: str | None) -> str:
    """Return the statement that reads a table in order, after a key whose values `mark` names."""
    key = ", ".join(table.key)
    after = f" WHERE ({key}) > ({', '.join(mark for _ in table.key)})" if mark else ""
    return f"SELECT {', '.join(table.columns)} FROM {table.name}{after} ORDER BY {key}"


def mark_of(connection: Connection, mark: str) -> str | None:
    """Return a database's mark about a move."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (mark,)).fetchone()
    return None if found is None else str(found[0])


def set_mark(connection: Connection, mark: str, said: str | None) -> None:
    """Set a database's mark about a move, or remove it."""
    if said is None:
        connection.execute("DELETE FROM meta WHERE key = ?", (mark,))
        return
    connection.execute(
        KEEP_ENTRY,
        (mark, said),
    )


def put_meta(connection: Connection, rows: Sequence[Row]) -> None:
    """Replace the journal's entries in `meta`."""
    marks = ", ".join("?" for _ in _OF_ITS_PLACE)
    connection.execute(f"DELETE FROM meta WHERE key NOT IN ({marks})", _OF_ITS_PLACE)
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows)


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
