"""A position is given once, also when the run whose events were the newest has been deleted."""

import sqlite3
from contextlib import closing
from pathlib import Path

from journal import Journal
from journal.sqlite.database import DATABASE
from journal.verification import verify
from tests.journal.test_ended_runs import ended


async def test_no_position_comes_twice(tmp_path: Path) -> None:
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


def _said_of(connection: sqlite3.Connection, table: str) -> str:
    (said,) = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    return str(said)
