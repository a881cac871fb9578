"""Appends are cheap: they update no index, lock no row of a run, and read only rows they need."""

import asyncio
import time
from collections.abc import Sequence
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


async def test_plans_made_for_small_tables_do_not_read_all_of_them_when_they_have_grown(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    database = postgres.database()
    async with opened(tmp_path / "data", database) as journal:

        async def go_on(numbers: Sequence[int]) -> None:
            heads = await asyncio.gather(
                *(start_run(journal, "acme", *begun(number)) for number in numbers)
            )
            some = list(zip(heads, numbers, strict=True))[:20]
            await asyncio.gather(*(on(journal, head, number) for head, number in some))
            for number in numbers[:10]:
                await journal.events.read(f"dynamic-workflow-{number}")

        for first in range(0, 200, 20):  # a plan is kept from the sixth time on
            await go_on(range(first + 1, first + 21))
        await go_on(range(1_000, 1_800))
        for first in range(2_000, 2_200, 20):
            await go_on(range(first, first + 20))
    looked_up, read = 0, 0
    until_s = time.monotonic() + 10
    while looked_up < 400:  # the server counts them once the connections have ended
        assert time.monotonic() < until_s
        ((looked_up, read),) = postgres.execute(
            "SELECT sum(idx_scan), sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables"
            f" WHERE schemaname = '{database.schema}' AND relname IN ('runs', 'events')"
        )
    assert read < 4 * looked_up, "each look-up by a key finds a row or a few"
