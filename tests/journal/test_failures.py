"""Runs are found by why they failed, also those that failed before there was a table for it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from journal import DATABASE, Journal, RunFilter
from journal.sqlite import database

TOLD = '{"error": {"step_id": "pay", "type": "CardStolen", "message": "m"}}'


async def test_runs_that_failed_before_the_upgrade_are_found(tmp_path: Path) -> None:
    scripts = database.migrations()[:33]
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {database._APPLICATION_ID}")
        connection.executescript("".join(scripts))
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        for number, status in ((1, "failed"), (2, "completed"), (3, "failed")):
            connection.execute(
                "INSERT INTO runs (id, tenant, workflow_id, version, status, state, seq,"
                " started_at_ms, updated_at_ms, ended_at_ms)"
                " VALUES (?, 'acme', 'wf', '1.0.0', ?, ?, 1, 1, 1, 2)",
                (number, status, status),
            )
            connection.execute(
                "INSERT INTO events (run, seq, type, schema, at_ms, body, hash)"
                " VALUES (?, 1, ?, 1, 1, ?, x'00')",
                (number, f"Run{status.title()}", TOLD if number < 3 else "not JSON"),
            )
    database.mark_folder(tmp_path)
    journal = await Journal.open(tmp_path)
    try:
        for wanted in (RunFilter(error_type="CardStolen"), RunFilter(step_id="pay")):
            page = await journal.search.page("acme", wanted, 5)
            assert ([row.number for row in page.rows], page.following) == ([1], None)
        (group,) = await journal.overview.failures("acme", 0, 5)
        assert (group.step_id, group.error_type, group.runs) == ("pay", "CardStolen", 1)
    finally:
        await journal.close()
