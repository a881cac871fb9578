"""Known problems of other workflow systems do not occur here."""

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from journal import Journal, RunFilter, migrations
from journal.rows import codec
from tests.conftest import PLUGIN
from tests.harness.journals import apart, completed, faults, filled, paused
from tests.harness.processes import run
from tests.harness.server import Server, settled

SLOW = {
    "id": "slow", "name": "Slow", "initialStep": "nap",
    "steps": [{"id": "nap", "type": "wait", "duration": "1h"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "nap", "to": "end"}],
}  # fmt: skip
ASK = {
    "id": "w", "name": "W", "initialStep": "a",
    "steps": [{"id": "a", "type": "collect-inputs", "output": {"name": {"type": "string"}}},
              {"id": "end", "type": "end-flow", "result": {"name": "{{ data.name }}"}}],
    "edges": [{"from": "a", "to": "end"}],
}  # fmt: skip


def test_a_long_reader_does_not_block_a_cancel(server: Server) -> None:
    with server.client() as client:
        client.post("/api/workflows", json=SLOW)
        runs = [client.post("/api/workflow/start-async/slow").json()["runId"] for _ in range(5)]
        with closing(
            sqlite3.connect(server.data / "journal.sqlite3", isolation_level=None)
        ) as reader:
            reader.execute("BEGIN")
            seen = reader.execute("SELECT count(*) FROM events").fetchone()
            for run_id in runs:
                body = {"runId": run_id}
                answer = client.post("/api/workflow/management/cancel", json=body)
                assert answer.status_code == 200, answer.text
                assert settled(client, run_id)["status"] == "cancelled"
            assert reader.execute("SELECT count(*) FROM events").fetchone() == seen, (
                "no long reader"
            )


def test_a_temporary_lock_only_delays_a_cancel(server: Server) -> None:
    with server.client() as client:
        client.post("/api/workflows", json=SLOW)
        run_id = client.post("/api/workflow/start-async/slow").json()["runId"]
        with closing(sqlite3.connect(server.data / "journal.sqlite3", isolation_level=None, check_same_thread=False)) as other:  # fmt: skip
            other.execute("BEGIN IMMEDIATE")
            timer = threading.Timer(1.0, lambda: other.execute("ROLLBACK"))
            timer.start()
            answer = client.post("/api/workflow/management/cancel", json={"runId": run_id})
            was_released = timer.finished.is_set()
            timer.join()
        assert answer.status_code == 200, answer.text
        assert was_released, "the lock held nothing up"
        assert settled(client, run_id)["status"] == "cancelled"


def test_a_run_left_by_a_crash_does_not_block_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    filled(folder, lambda n: paused(n)[:2], [5, 6])  # inside a step of an unknown workflow
    filled(folder, lambda n: [*paused(n)[:1]], [8])  # between two steps
    with Server(folder, PLUGIN) as server, server.client() as client:  # it gets ready
        assert client.post("/api/workflows", json=SLOW).status_code == 201
        for number in (5, 6, 8):
            body = {"runId": f"dynamic-workflow-{number}"}
            answer = client.post("/api/workflow/management/terminate", json=body)
            assert answer.json()["status"] == "terminated", answer.text


@pytest.mark.parametrize(
    ("left", "reported"),
    [
        (b"", "is empty, so it is not a database"),
        (None, "is missing, though this folder has held a database"),
    ],
)
def test_a_lost_database_is_never_replaced_by_an_empty_one(
    tmp_path: Path, left: bytes | None, reported: str
) -> None:
    filled(tmp_path, completed, [1])
    file = tmp_path / "journal.sqlite3"
    file.unlink() if left is None else file.write_bytes(left)
    for words in (("serve", "--port", "0"), ("verify",), ("runs", "list", "--tenant", "acme")):
        shown = run(*words, "--data", tmp_path)
        assert shown.returncode == 1
        assert reported in shown.stderr
    assert (file.read_bytes() if file.exists() else None) == left


def version_1(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Create a folder with the first schema, with a paused run and one that has ended."""
    patch.setattr(codec, "_FIRST", {})  # event bodies then included visit and attempt
    patch.setattr(codec, "_start", codec._start.__wrapped__)
    patch.setattr(codec, "_SHAPES", {kind: codec._shape(kind) for kind in codec._SHAPES})
    filled(folder / "new", apart(lambda n: paused(n) if n == 5 else completed(n)), [4, 5])
    with (
        closing(sqlite3.connect(folder / "new" / "journal.sqlite3", isolation_level=None)) as new,
        closing(sqlite3.connect(folder / "old.sqlite3", isolation_level=None)) as old,
    ):
        old.execute("PRAGMA auto_vacuum = INCREMENTAL")
        (application,) = new.execute("PRAGMA application_id").fetchone()
        old.execute(f"PRAGMA application_id = {application}")
        old.executescript(migrations()[0] + "PRAGMA user_version = 1;")
        for table in ("runs", "events"):
            columns = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
            marks = ", ".join("?" * len(columns))
            rows = new.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
            old.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        now = 1_700_000_000_000
        old.execute("INSERT INTO workflows VALUES ('acme', 'w', 0, NULL, ?, ?)", (now, now))
        old.execute(
            "INSERT INTO versions VALUES ('acme', 'w', 1, '1.0.0', 'draft', 'W', '', ?, ?, NULL)",
            (json.dumps(ASK), now),
        )
    data = folder / "data"
    data.mkdir()
    (folder / "old.sqlite3").rename(data / "journal.sqlite3")


def test_a_database_of_the_first_schema_is_migrated_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_1(tmp_path, monkeypatch)
    with Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        paused_run = client.get("/api/workflow/status/dynamic-workflow-5").json()
        assert (paused_run["status"], paused_run["workflowId"]) == ("paused", "w")
        assert faults(tmp_path / "data") == []
        answer = {"type": "collect_inputs", "data": {"name": "Ada"}}
        address = "/api/workflow/resume/dynamic-workflow-5"
        assert client.post(address, json=answer).status_code == 200
        done = settled(client, "dynamic-workflow-5")
        assert (done["status"], done["result"]) == ("completed", {"name": "Ada"})
        listed = client.get("/api/workflow/runs").json()["runs"]
        assert [row["status"] for row in listed] == ["completed", "completed"]
    assert faults(tmp_path / "data") == []
    with closing(sqlite3.connect(tmp_path / "data" / "journal.sqlite3")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_1(tmp_path, monkeypatch)
    file = tmp_path / "data" / "journal.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE secrets (clash TEXT)")
    shown = run("serve", "--port", "0", "--data", tmp_path / "data")
    assert (shown.returncode, "secrets already exists" in shown.stderr) == (1, True)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert "parent" not in [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        connection.execute("DROP TABLE secrets")

    async def go_on() -> list[str]:
        journal = await Journal.open(tmp_path / "data")
        runs = [row.run_id for row in await journal.runs.page("acme", RunFilter(), 5)]
        await journal.close()
        return runs

    assert asyncio.run(go_on()) == ["dynamic-workflow-5", "dynamic-workflow-4"]


def test_endlessly_recursive_workflows_can_be_stopped(server: Server) -> None:
    breeding = {
        "id": "breed", "name": "Breed", "initialStep": "call",
        "steps": [{"id": "call", "type": "call-workflow", "workflowId": "breed",
                   "items": "{{ [1, 2, 3, 4, 5] }}", "data": {"number": "{{ item }}"}},
                  {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "call", "to": "end"}],
    }  # fmt: skip
    with (
        server.client() as client,
        closing(sqlite3.connect(f"file:{server.data}/journal.sqlite3?mode=ro", uri=True)) as look,
    ):

        def count(where: str = "true") -> int:
            return int(look.execute(f"SELECT count(*) FROM runs WHERE {where}").fetchone()[0])

        client.post("/api/workflows", json=breeding).raise_for_status()
        run_id = client.post("/api/workflow/start-async/breed").json()["runId"]
        until = time.monotonic() + 60
        while count() < 500:
            assert time.monotonic() < until
            time.sleep(0.05)
        client.post("/api/workflow/management/terminate", json={"runId": run_id}).raise_for_status()
        family = count()
        until = time.monotonic() + 60
        while count("ended_at_ms IS NULL"):
            assert time.monotonic() < until, (count(), count("ended_at_ms IS NULL"))
            time.sleep(0.1)
        assert count() < 4 * family
        assert client.request("DELETE", f"/api/workflow/runs/{run_id}").status_code in (200, 204)
        assert count() == 0
