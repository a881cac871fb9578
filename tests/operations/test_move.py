"""A journal moves to PostgreSQL and back, even if interrupted: no row is lost, and runs continue."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import journal.moving
from journal import Database
from journal.journal import end_of
from journal.moving import FolderEnd, move
from tests.harness.postgres import PostgresServer
from tests.harness.processes import command, run
from tests.harness.server import Server, settled
from tests.harness.workflows import create, straight

ASK = [{"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}}]
LABELLED = {"title": "Straße of {{ data.who }}", "labels": {"who": "{{ data.who }}"}}


def rows_of(file: Path) -> dict[str, list[Any]]:
    """Return every row of a journal, except what a database stores about itself."""
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
            " AND name NOT LIKE 'run_words%' AND name NOT LIKE 'run_input%'"
        ).fetchall()
        found = {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for (name,) in tables
        }
    own = ("needs_wal", "checkpoint", "tried", "moved", "moving", "inputs_up_to", "leaving")
    found["meta"] = [row for row in found["meta"] if row[0] not in own]
    return found


@pytest.fixture
def filled(server: Server) -> tuple[Server, list[str]]:
    """A stopped server's folder with ended runs, paused runs, and some of everything else."""
    with server.client() as client:
        create(client, "ask", ASK, straight("ask"), **LABELLED)
        ids = [
            client.post("/api/workflow/start/ask", json={"data": {"who": f"Ödön {at}"}}).json()[
                "runId"
            ]
            for at in range(7)
        ]
        body = {"type": "collect_inputs", "data": {"name": "Ada"}}
        assert client.post(f"/api/workflow/resume/{ids[0]}", json=body).status_code == 200
        for path, document in (
            ("/api/variables/rate", {"value": 7}),
            ("/api/secrets/token", {"value": "geheim-geheim"}),
            ("/api/schedules/daily", {"workflowId": "ask", "cron": "0 3 * * *", "timeZone": "UTC"}),
        ):
            put = client.put(path, json=document)
            assert put.status_code < 300, put.text
        assert client.post("/api/signals", json={"name": "paid", "key": "1"}).status_code < 300
    assert server.terminate() == 0
    return server, ids


def test_a_journal_moves_to_postgresql_and_back(
    filled: tuple[Server, list[str]],
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, ids = filled
    database = postgres.database()
    monkeypatch.setattr(journal.moving, "_ROWS", 3)
    cut_off_after(40, server.data, database)
    change_what_was_copied(server)
    before = rows_of(server.data / "journal.sqlite3")
    for parts in (5, 2):
        cut_off_after(parts, server.data, database)
    monkeypatch.undo()
    named = {"STEPWELL_DATABASE": database.url, "STEPWELL_DATABASE_SCHEMA": database.schema}
    inside = {**server.environment, **named}
    refused = run("serve", "--data", tmp_path / "other", "--port", 0, environment=inside)
    assert "a move to it has not ended" in refused.stderr

    reported = command("move", "--from", server.data, "--to", "database", environment=inside)
    assert (reported["runs"], reported["faults"]) == (7, 0)
    moved = run("serve", "--data", server.data, "--port", 0, environment=server.environment)
    assert "is in postgresql://" in moved.stderr
    alone = server.environment
    server.environment = inside
    server.start()
    with server.client() as client:
        found = client.get("/api/workflow/runs", params={"text": "odon strasse"}).json()["runs"]
        assert len(found) == 7
        body = {"type": "collect_inputs", "data": {"name": "Ada"}}
        assert client.post(f"/api/workflow/resume/{ids[1]}", json=body).status_code == 200
        assert settled(client, ids[1])["status"] == "completed"
        new = client.post("/api/workflow/start/ask", json={"data": {"who": "Bo"}}).json()["runId"]
        assert new not in ids
    assert server.terminate() == 0

    with altered(postgres, database):
        refused = run("move", "--from", "database", "--to", tmp_path / "back", environment=inside)
        assert "faults in what has arrived" in refused.stderr
    back = command("move", "--from", "database", "--to", tmp_path / "back", environment=inside)
    assert (back["runs"], back["faults"]) == (8, 0)
    postgres.stop()  # as a crash does; a source that forgets its move would be used again
    postgres.start()
    after = rows_of(tmp_path / "back" / "journal.sqlite3")
    for table, rows in before.items():
        left = [row for row in rows if row not in after[table]]
        changed = {"runs": 1, "meta": 2, "audit": 0, "sqlite_sequence": 1, "api_keys": 2}
        assert len(left) <= changed.get(table, 0), (table, left)
    gone = run("serve", "--data", tmp_path / "other", "--port", 0, environment=inside)
    assert "was moved to" in gone.stderr
    again = run("move", "--from", server.data, "--to", "database", environment=inside)
    assert "holds no journal in SQLite: it is in postgresql://" in again.stderr
    server.data, server.environment = tmp_path / "back", alone
    (tmp_path / "back" / "secrets.key").write_bytes(
        (tmp_path / "data" / "secrets.key").read_bytes()
    )
    (tmp_path / "back" / "secrets.key").chmod(0o600)
    server.start()
    with server.client() as client:
        assert client.post(f"/api/workflow/resume/{ids[2]}", json=body).status_code == 200
        assert settled(client, ids[2])["status"] == "completed"


def change_what_was_copied(server: Server) -> None:
    server.start()
    with server.client() as client:
        assert client.put("/api/variables/rate", json={"value": 8}).status_code == 200
    assert server.terminate() == 0


@contextmanager
def altered(postgres: PostgresServer, database: Database) -> Iterator[None]:
    """Alter histories for a while."""
    changes = f"UPDATE {database.schema}.events SET body = replace(body, "
    postgres.execute(f"{changes}'Ada', 'Eve')")
    yield
    postgres.execute(f"{changes}'Eve', 'Ada')")


def cut_off_after(parts: int, folder: Path, database: Database) -> None:
    """Start a move, and end it as a kill does after this many parts."""
    left = parts

    def tell(_words: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    source = FolderEnd(folder, new=False)
    with closing(source), closing(end_of(database)) as target, pytest.raises(KeyboardInterrupt):
        move(source, target, source.tables(), tell)
    said = json.dumps(rows_of(folder / "journal.sqlite3")["meta"])
    assert "moved" not in said


def test_an_impossible_move_is_refused_and_changes_nothing(
    postgres: PostgresServer, server: Server, tmp_path: Path
) -> None:
    database = postgres.database()

    def refused(source: object, target: object) -> str:
        reported = run("move", "--from", source, "--to", target, environment=server.environment)
        assert reported.returncode == 1
        return str(reported.stderr)

    assert "in use by process" in refused(server.data, database.url)
    assert "others can read a password" in refused(server.data, "postgresql://me:geheim@db/x")
    assert "one of --from and --to" in refused(server.data, tmp_path / "new")
    assert "is not set" in refused(server.data, "database")
    assert "holds no journal" in refused(tmp_path / "nothing", database.url)
    gone = refused(f"postgresql://me@/x?host={tmp_path}", tmp_path / "new")
    assert f"postgresql://{tmp_path}:5432/x cannot be reached: " in gone
    assert "No such file" in gone
    assert server.terminate() == 0
    file = server.data / "journal.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        (page,), (size,) = (
            connection.execute(asked).fetchone()
            for asked in (
                "SELECT rootpage FROM sqlite_schema WHERE name = 'webhooks'",
                "PRAGMA page_size",
            )
        )
    with file.open("r+b") as damaged:
        damaged.seek((page - 1) * size)
        damaged.write(bytes(size))
    assert "journal.sqlite3 is damaged" in refused(server.data, database.url)
