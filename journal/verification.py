"""Verifies that histories are unchanged: every run's hash chain, order, fold and row in the list.

Memory use is limited: runs and events are read a page at a time. Each page is a short read, so
verification can run beside the writer. An event never changes, so the events up to the number in a
run's row must agree with that row, even if the run has continued since.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine import IllegalTransition, PauseChanged, Run, RunResumed, RunStarted, apply, seen_of
from engine.value import value
from journal.connection import Connection, DatabaseError
from journal.rows.chain import first_link, link
from journal.rows.event_rows import EVENTS_OF_ROW, Row, count_of, decode_row
from journal.rows.run_ids import run_id
from journal.rows.run_projection import COLUMNS, SELECT_RUNS, RunProjection, projection, turn_of
from journal.sqlite.soundness import damage_of
from journal.writing.audit import audit_faults
from journal.writing.transaction import LAST_POSITION

_RUNS_A_PAGE = 50
_EVENTS_A_PAGE = 500
_TOTALS = f"""
    SELECT coalesce(({LAST_POSITION}), 0),
           (SELECT coalesce(sum({EVENTS_OF_ROW}), 0) FROM events),
           (SELECT coalesce(sum(seq), 0) FROM runs),
           coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'deleted_events'), 0)
"""


@value(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written, with its run and event where they are known."""

    run_id: str | None
    seq: int | None
    what: str


@dataclass(slots=True)
class Verified:
    """The result: how much was checked, and what is wrong."""

    runs: int = 0
    events: int = 0
    faults: list[Fault] = field(default_factory=list)


def verify(connection: Connection, tell: Callable[[Verified], None]) -> Verified:
    """Check everything over a connection of its own; `tell` is called after each page.

    Damage that prevents reading is a fault like any other: of the run if its events cannot be read,
    else of the list of runs. Everything readable is still checked.
    """
    found = Verified()
    last = 0
    while True:
        try:
            rows = _page(connection, last)
        except DatabaseError as unreadable:
            found.faults.append(Fault(None, None, _unreadable("the list of runs", unreadable)))
            break
        if not rows:
            break
        for row in rows:
            last = row.id
            found.events += _run_or_fault(connection, row, found.faults)
            found.runs += 1
        tell(found)
    try:
        found.faults += _totals(connection)
        found.faults += (Fault(None, None, what) for what in audit_faults(connection))
    except DatabaseError as unreadable:
        found.faults.append(Fault(None, None, _unreadable("the events as a whole", unreadable)))
    # The queries above do not use the indexes, so these are checked separately.
    is_sqlite = isinstance(connection, sqlite3.Connection)
    if not found.faults and is_sqlite and (damage := damage_of(connection)):
        message = f"the database is damaged ({damage}); restore it from a backup"
        found.faults.append(Fault(None, None, message))
    tell(found)
    return found


def _page(connection: Connection, last: int) -> list[RunProjection]:
    rows = connection.execute(
        f"{SELECT_RUNS} WHERE id > ? ORDER BY id LIMIT ?", (last, _RUNS_A_PAGE)
    )
    return [RunProjection(*row) for row in rows]


def _run_or_fault(connection: Connection, row: RunProjection, faults: list[Fault]) -> int:
    try:
        return _run(connection, row, faults)
    except DatabaseError as unreadable:
        faults.append(Fault(run_id(row.id), None, _unreadable("its events", unreadable)))
        return 0


def _unreadable(what: str, failure: DatabaseError) -> str:
    return (
        f"{what} cannot be read ({failure}): a page of the file is damaged; "
        "restore the folder from a backup"
    )


def _run(connection: Connection, row: RunProjection, faults: list[Fault]) -> int:
    """Check one run against its row; returns how many of its events were read."""
    number, name = row.id, run_id(row.id)
    run: Run | None = None
    digest = first_link(number)
    count = 0
    for seq, kinds, schema, at_ms, body, kept in _rows(connection, number, row.seq):
        if seq != count + count_of(kinds):
            faults.append(Fault(name, count + 1, "is missing"))
            return count
        digest = link(digest, seq, kinds, schema, at_ms, body)
        if digest != kept:
            what = "was changed, or does not follow from the one before"
            faults.append(Fault(name, count + 1, what))
            return count
        try:
            events = decode_row(kinds, schema, at_ms, body)
        except (ValueError, TypeError) as unknown:
            faults.append(Fault(name, count + 1, str(unknown)))
            return count
        for event in events:
            count += 1
            if isinstance(event, RunStarted) and event.inherits:
                faults += _lost_parent(connection, row)
            try:
                if (
                    run
                    and isinstance(event, RunResumed | PauseChanged)
                    and _saw_another(run, event)
                ):
                    faults.append(Fault(name, count, "names another question than was asked"))
                run = apply(run, event)
            except IllegalTransition as illegal:
                faults.append(Fault(name, count, f"does not apply: {illegal}"))
                return count
    fault = _row_fault(row, run, digest, count)
    if fault and connection.execute("SELECT 1 FROM runs WHERE id = ?", (number,)).fetchone():
        faults.append(fault)  # otherwise the run was deleted while it was read
    return count


def _lost_parent(connection: Connection, row: RunProjection) -> Iterator[Fault]:
    """Check that the run and step exist whose data a run begins with."""
    (there,) = connection.execute(
        "SELECT NOT EXISTS (SELECT 1 FROM runs WHERE id = ?)"
        " OR EXISTS (SELECT 1 FROM runs WHERE id = ? AND executions >= ?)",
        (row.id, row.parent, row.parent_execution),
    ).fetchone()
    if not there:
        yield Fault(run_id(row.id), 1, "has its data from another run, which is missing")


def _saw_another(run: Run, event: RunResumed | PauseChanged) -> bool:
    """Return whether the hash in an answer belongs to something other than what the run asked."""
    return bool(event.seen) and event.seen != seen_of(run)


def _same(kept: object, expected: object) -> bool:
    """Return whether a column has the expected value; PostgreSQL cannot store a zero character."""
    return kept == expected or (
        isinstance(expected, str) and kept == expected.replace("\0", "\ufffd")
    )


def _row_fault(row: RunProjection, run: Run | None, digest: bytes, count: int) -> Fault | None:
    name = run_id(row.id)
    if run is None or count < row.seq:
        return Fault(name, count + 1, "is missing")
    if row.head != digest:
        return Fault(name, count, "is not the one that the list names as the newest")
    expected = projection(row.tenant, run, digest, turn_of(run))
    wrong = [column for column, a, b in zip(COLUMNS, row, expected, strict=True) if not _same(a, b)]
    if wrong:
        return Fault(name, None, f"its row in the list is wrong: {', '.join(wrong)}")
    return None


def _rows(connection: Connection, number: int, seq: int) -> Iterator[Row]:
    last = -1
    while rows := connection.execute(
        "SELECT seq, type, schema, at_ms, body, hash FROM events"
        " WHERE run = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (number, last, seq, _EVENTS_A_PAGE),
    ).fetchall():
        yield from rows
        last = rows[-1][0]


def _totals(connection: Connection) -> Iterator[Fault]:
    """Find what no run's row can show: whole runs that are missing, and events without a run."""
    written, there, named, deleted = connection.execute(_TOTALS).fetchone()
    if there != written - deleted:
        more = written - deleted - there
        what = "events are gone that no deletion accounts for" if more > 0 else "events too many"
        yield Fault(None, None, f"{abs(more)} {what}")
    if there != named:
        yield from _strays(connection)


def _strays(connection: Connection) -> Iterator[Fault]:
    last = -(2**63)
    while True:
        (number,) = connection.execute(
            "SELECT min(run) FROM events WHERE run > ?", (last,)
        ).fetchone()
        if number is None:
            return
        last = number
        row = connection.execute("SELECT seq FROM runs WHERE id = ?", (number,)).fetchone()
        (newest,) = connection.execute(
            "SELECT max(seq) FROM events WHERE run = ?", (number,)
        ).fetchone()
        if row is None:
            yield Fault(run_id(number), None, "has events, but is not in the list of runs")
        elif newest > row[0]:
            yield Fault(run_id(number), newest, "comes after the last one that the list names")
