"""Appends are cheap: they update no index of runs, and lock no row of a run."""

from pathlib import Path

from journal.rows.run_projection import MOVES
from tests.harness.histories import start_run
from tests.harness.postgres import PostgresServer
from tests.postgres.test_round_trips import begun, on, opened


async def test_an_append_updates_no_index_of_runs_and_deletion_removes_events(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """PostgreSQL updates a row without its indexes only if no indexed column changes."""
    database = postgres.database()
    async with opened(tmp_path / "data", database) as journal:
        rows = postgres.execute(
            "SELECT DISTINCT a.attname FROM pg_index i JOIN pg_depend d ON d.objid = i.indexrelid"
            " AND d.refobjid = i.indrelid AND d.refobjsubid > 0 JOIN pg_attribute a"
            " ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid"
            f" WHERE i.indrelid = '{database.schema}.runs'::regclass"
        )
        indexed = {name for (name,) in rows}
        assert {"id", "tenant", "signal_name"} <= indexed
        assert not indexed & set(MOVES)
        assert not postgres.execute(
            f"SELECT 1 FROM pg_constraint WHERE conrelid = '{database.schema}.events'::regclass"
            " AND contype = 'f'"
        ), "each event would look for its run, and lock it"
        head = await start_run(journal, "acme", *begun(1))
        await start_run(journal, "acme", *begun(2))
        await on(journal, head, 1)
        await journal.removal.delete("acme", "dynamic-workflow-1", 10)
        left = postgres.execute(f"SELECT DISTINCT run FROM {database.schema}.events")
        assert left == [(2,)]
