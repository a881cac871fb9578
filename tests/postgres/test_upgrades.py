"""An older process keeps working after compatible migrations; incompatible ones stop its start."""

from pathlib import Path

import psycopg
import pytest
from psycopg.pq import ExecStatus

from journal import BadDatabase, Journal, RunFilter
from journal.postgres import schema
from journal.postgres.address import Address
from journal.postgres.connection import lock_of
from journal.postgres.rows import sent
from journal.rows.run_projection import COLUMNS, INSERT_RUN, MOVE, TURN, TURNS, Statement
from tests.harness.histories import start_run
from tests.harness.journals import completed, fill
from tests.harness.postgres import PostgresServer
from tests.postgres.test_round_trips import begun, on, opened


async def test_compatible_migrations_do_not_stop_an_older_process_until_one_is_not(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    database = postgres.database()
    async with opened(tmp_path / "old", database) as journal:
        heads = [await start_run(journal, "acme", *begun(number)) for number in range(1, 8)]
        expands = (
            "ALTER TABLE {}.runs ADD COLUMN mood text; ALTER TABLE {}.events ADD COLUMN mood text"
            " NOT NULL DEFAULT 'new'; CREATE TABLE {}.moods (run bigint); CREATE INDEX ON"
            " {}.runs (tenant, mood); INSERT INTO {}.migrations VALUES (1000, false)"
        )
        postgres.execute(expands.replace("{}", database.schema))
        for number, head in enumerate(heads, start=1):
            await on(journal, head, number)
        async with opened(tmp_path / "older", database) as another:
            await start_run(another, "acme", *begun(20))
            _, events = await another.events.read("dynamic-workflow-3")
            assert events == completed(3)
        postgres.execute(f"INSERT INTO {database.schema}.migrations VALUES (1001, true)")
        with pytest.raises(BadDatabase, match="a newer Stepwell has changed it"):
            await Journal.open(tmp_path / "oldest", database=database)
        await start_run(journal, "acme", *begun(30))  # an open journal is kept


async def test_a_failure_that_an_older_process_writes_is_found(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    database = postgres.database()
    async with opened(tmp_path / "data", database) as journal:
        head = await start_run(journal, "acme", *begun(1))
        for seq, kind in ((head.seq + 1, "CardStolen"), (head.seq + 2, "CardLost")):  # repaired
            told = f'{{"error": {{"step_id": "pay", "type": "{kind}", "message": "m"}}}}'
            postgres.execute(
                f"UPDATE {database.schema}.runs SET status = 'failed', state = 'failed',"
                f" ended_at_ms = 1, seq = {seq} WHERE id = 1;"
                f" INSERT INTO {database.schema}.events (position, run, seq, type, schema, at_ms,"
                f" body, hash) VALUES ({1_000 + seq}, 1, {seq}, 'RunFailed', 1, 1, '{told}', '')"
            )
            page = await journal.search.page("acme", RunFilter(error_type=kind, step_id="pay"), 5)
            assert [row.number for row in page.rows] == [1]


async def test_a_migration_may_take_longer_than_a_statement(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = (
        "DO $$ BEGIN IF current_setting('statement_timeout') <> '0'"
        " THEN RAISE EXCEPTION 'it has a limit'; END IF; END $$"
    )
    scripts = [*schema.scripts(), (1_000, limited)]
    monkeypatch.setattr(schema, "scripts", lambda: iter(scripts))
    async with opened(tmp_path / "data", postgres.database()) as journal:
        shown = await journal._writer.write(
            lambda connection: connection.execute("SHOW statement_timeout").fetchone()
        )
    assert shown == ("30s",)


async def test_statements_that_write_scan_no_table(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    database = postgres.database()
    async with opened(tmp_path / "data", database) as journal:
        await fill(journal, "acme", completed, range(1, 3_000))
    moved = ("a", 4, 1, 1, 1, b"x", 1, 4)
    runs: list[Statement] = [
        (MOVE, moved),
        (TURN, (*[None] * len(TURNS), *moved)),
        (INSERT_RUN, (None,) * len(COLUMNS)),
    ]
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"SET search_path = {database.schema}".encode())
        connection.execute("ANALYZE runs; ANALYZE events")
        statements = sent(runs, [(1, 5, "X", 1, 1, "{}", b"x")])
        assert len(statements) == 4
        for statement in statements:
            reported = connection.pgconn.exec_params(
                b"EXPLAIN " + statement.sql, statement.values, None, [1] * len(statement.values)
            )
            assert reported.status == ExecStatus.TUPLES_OK, reported.error_message
            plan = b"\n".join(reported.get_value(row, 0) or b"" for row in range(reported.ntuples))
            assert b"Seq Scan on runs" not in plan, plan
            assert b"Seq Scan on events" not in plan, plan


async def test_a_process_suspended_between_migrations_does_not_keep_others_from_starting(
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(schema, "STUCK_S", 0.5)
    database = postgres.database()
    where = Address.read(database.url, schema=database.schema, statement_timeout_ms=1, relaxed=True)
    with psycopg.connect(database.url, autocommit=True) as suspended:
        suspended.execute(f"SELECT pg_advisory_lock({lock_of(where, 'migrations')})".encode())
        pid = suspended.info.backend_pid
        async with opened(tmp_path / "data", database) as journal:
            await start_run(journal, "acme", *begun(1))
        with pytest.raises(psycopg.OperationalError):
            suspended.execute("SELECT 1")
    first, *_, last = [one.getMessage() for one in caplog.records if f" {pid} " in one.message]
    assert "that migrates the database" in first
    assert last.endswith(", and was ended")
