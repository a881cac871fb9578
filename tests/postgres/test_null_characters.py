"""JSON with a null character, which PostgreSQL stores but does not read as text by itself."""

from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from engine import Event, Json, Pause, RunError, RunFailed, RunPaused, StepError, StepFailed
from journal import Journal, NewVersion, RunFilter
from journal.postgres import schema
from journal.rows.codec import encode
from tests.harness.journals import completed, fill
from tests.harness.postgres import PostgresServer
from tests.postgres.test_round_trips import opened

ODD = 'it said "\0\0", \\u0000 and \\\0'


def failed(number: int) -> Sequence[Event]:
    error = RunError("pay", "Declined\0", ODD, 1)
    step = StepFailed(number, "a", 1, StepError("Declined", ODD))
    return [*completed(number)[:2], step, RunFailed(number, error)]


def paused(number: int) -> Sequence[Event]:
    pause = Pause("request_user_action", {"stepId": "a", "assignees": ["ada\0", "bob"]})
    return [*completed(number)[:2], RunPaused(number, "a", 1, pause)]


async def shows_the_failure(journal: Journal) -> None:
    page = await journal.search.page("acme", RunFilter(step_id="pay"), 5)
    assert [row.number for row in page.rows] == [1]
    (group,) = await journal.overview.failures("acme", 0, 5)
    assert (group.step_id, group.error_type) == ("pay", "Declined\ufffd")
    (error,) = (await journal.run_errors.of("acme", page.rows)).values()
    assert error.message == ODD.replace("\0", "\ufffd")


async def test_a_run_may_fail_with_it_and_ask_people_whose_names_have_it(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await fill(journal, "acme", failed, [1])
    await fill(journal, "acme", paused, [2])
    await shows_the_failure(journal)
    await journal.close()


async def test_the_callers_of_a_workflow_are_found_by_definitions_with_it(tmp_path: Path) -> None:
    steps: list[Json] = [{"id": "a", "type": "call-workflow", "workflowId": "pay", "message": ODD}]
    journal = await Journal.open(tmp_path)
    version = NewVersion("Caller", "", {"steps": steps}, "draft", 1)
    await journal.workflows.create("acme", version, wanted_id="caller", slug="caller")
    (found,) = await journal.workflows.with_step("acme", "workflowId", "pay", 5)
    assert found.id == "caller"
    await journal.close()


async def test_a_failure_with_it_and_one_that_is_damaged_survive_the_upgrade(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.database()
    told = encode(failed(1)[-1])
    scripts = [one for one in schema.scripts() if one[0] <= 33]
    with monkeypatch.context() as before:
        before.setattr(schema, "scripts", lambda: scripts)
        await (await Journal.open(tmp_path / "old", database=database)).close()
    with psycopg.connect(database.url, autocommit=True) as older:
        older.execute(f"SET search_path = {database.schema}".encode())
        assert older.execute("SELECT max(number) FROM migrations").fetchone() == (33,)
        _fail(older, 1, told)
        _fail(older, 2, "not JSON")
        async with opened(tmp_path / "new", database) as journal:
            await shows_the_failure(journal)
            _fail(older, 3, '{"error": {}}')
            _fail(older, 4, "not JSON")
            _fail(older, 5, told.replace("pay", "ship"))
            page = await journal.search.page("acme", RunFilter(step_id="ship"), 5)
            assert [row.number for row in page.rows] == [5]


def _fail(older: psycopg.Connection, number: int, told: str) -> None:
    """Write a failed run as a version does that has no table of failures."""
    with older.transaction():
        older.execute(
            "INSERT INTO runs (id, tenant, workflow_id, version, status, state, seq,"
            " started_at_ms, updated_at_ms, ended_at_ms)"
            " VALUES (%s, 'acme', 'wf', '1.0.0', 'failed', 'failed', 1, 1, 1, 2)",
            (number,),
        )
        older.execute(
            "INSERT INTO events (position, run, seq, type, schema, at_ms, body, hash)"
            " VALUES (%s, %s, 1, 'RunFailed', 1, 1, %s, '')",
            (number, number, told),
        )
