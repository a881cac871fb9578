"""Positions are never reused, even if the run with the newest events was deleted."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from journal import Conflict, Journal
from journal.sqlite.database import DATABASE
from journal.verification import verify
from tests.journal.test_ended_runs import ended


async def test_positions_are_not_reused_after_a_deletion(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await ended(journal, 1)
    newest = await ended(journal, 2)
    last = await journal.pages.last_position()
    await journal.removal.delete("acme", newest.id, 10)
    assert await journal.pages.last_position() == last
    await journal.close()
    journal = await Journal.open(tmp_path)
    await ended(journal, 3)
    assert await journal.pages.last_position() == last + 2
    await journal.close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert verify(connection, lambda _: None).faults == []
        assert "AUTOINCREMENT" not in _said_of(connection, "events")
        connection.execute("DELETE FROM events WHERE run = 3")
        connection.execute("DELETE FROM runs WHERE id = 3")
        assert [fault.run_id for fault in verify(connection, lambda _: None).faults] == [None]


async def test_the_last_position_is_read_once_and_again_after_a_conflict(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await ended(journal, 1)
    seen: list[str] = []
    await journal._writer._connection.set_trace_callback(seen.append)
    await ended(journal, 2)
    assert seen
    assert not any("sqlite_sequence" in statement for statement in seen)
    with pytest.raises(Conflict):
        await ended(journal, 2)
    await ended(journal, 3)
    assert any("sqlite_sequence" in statement for statement in seen)
    assert await journal.pages.last_position() == 6
    await journal.close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert verify(connection, lambda _: None).faults == []


def _said_of(connection: sqlite3.Connection, table: str) -> str:
    (said,) = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    return str(said)
