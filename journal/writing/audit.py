"""The audit log: who changed what; append-only, each entry chained by hash to the one before.

An entry is written in the transaction of the change itself, so both are stored or neither. The
caller notes the change first, and the first write of its task stores the note.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from engine.value import value
from journal.connection import Connection
from journal.rows.chain import link
from journal.rows.columns import KEEP_ENTRY, columns, insert_into

_FIRST = b"stepwell audit"
_FORM = 1
_HEAD = "audit_head"
_PAGE = 500


@dataclass(slots=True)
class ChangeNote:
    """What somebody is about to change.

    Attributes:
        who: The caller, named as in the history of runs.
        action: What they do, such as `createKey`.
        target: What they change: an address of the API.
        is_written: Whether a write has stored the note, or none may any more.
    """

    tenant: str
    at_ms: int
    who: str
    action: str
    target: str
    is_written: bool = False


@value(frozen=True, slots=True)
class AuditRow:
    """One entry; `result` is the name of what the change has made, such as a version."""

    position: int
    tenant: str
    at_ms: int
    who: str
    action: str
    target: str
    result: str | None
    hash: bytes


_note: ContextVar[ChangeNote | None] = ContextVar("change", default=None)


@contextmanager
def changing(note: ChangeNote) -> Iterator[None]:
    """Attach a note of who acts to the first write of this task."""
    before = _note.set(note)
    try:
        yield
    finally:
        note.is_written = True
        _note.reset(before)


def current_note() -> ChangeNote | None:
    """Return the note for the next write; None if there is none."""
    note = _note.get()
    return None if note is None or note.is_written else note


def write_entry(connection: Connection, note: ChangeNote, result: object) -> None:
    """Add the entry of a change to the transaction."""
    position, before = _head(connection)
    position += 1
    named = result if isinstance(result, str) else None
    digest = _link(before, position, note, named)
    row = (position, note.tenant, note.at_ms, note.who, note.action, note.target, named, digest)
    connection.execute(insert_into("audit", AuditRow), row)
    connection.execute(
        KEEP_ENTRY,
        (_HEAD, f"{position} {digest.hex()}"),
    )


def audit_faults(connection: Connection) -> Iterator[str]:
    """Return, as text, each entry that is missing or not as it was written."""
    count, newest = _head(connection)
    digest, last = _FIRST, 0
    while True:
        rows = [
            AuditRow(*row)
            for row in connection.execute(
                f"SELECT {columns(AuditRow)} FROM audit WHERE position > ? AND position <= ?"
                " ORDER BY position LIMIT ?",
                (last, count, _PAGE),
            )
        ]
        for row in rows:
            if row.position != last + 1:
                yield f"entry {last + 1} of the audit log is missing"
                return
            last = row.position
            digest = _link(digest, row.position, row, row.result)
            if digest != row.hash:
                yield f"entry {row.position} of the audit log was changed"
                return
        if not rows:
            break
    if last != count or digest != newest:
        yield f"the audit log ends at entry {last}, and {count} were written"


def _head(connection: Connection) -> tuple[int, bytes]:
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (_HEAD,)).fetchone()
    if found is None:
        return 0, _FIRST
    position, _, digest = str(found[0]).partition(" ")
    return int(position), bytes.fromhex(digest)


def _link(before: bytes, position: int, of: Any, result: str | None) -> bytes:
    body = json.dumps([of.tenant, of.who, of.target, result], ensure_ascii=False)
    return link(before, position, of.action, _FORM, of.at_ms, body)
