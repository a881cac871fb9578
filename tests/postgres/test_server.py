"""A server whose journal is in PostgreSQL: a kill, a second process, a database that is down."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.postgres import PostgresServer
from tests.harness.processes import command, run
from tests.harness.server import Server, settled
from tests.harness.workflows import create, straight

SLOW = [
    {"id": "slow", "type": "call-tool", "toolId": "sleep", "inputs": {"seconds": 0.5}},
    {"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}},
]


@pytest.fixture
def alone() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


def begin(server: Server, count: int) -> list[str]:
    with server.client() as client:
        create(client, "slow", SLOW, straight("slow", "ask"))
        return [
            client.post("/api/workflow/start-async/slow", json={}).json()["runId"]
            for _ in range(count)
        ]


def test_runs_continue_after_a_kill_and_every_history_is_verified(
    server: Server, tmp_path: Path
) -> None:
    runs = begin(server, 5)
    server.kill()
    server.start()
    with server.client() as client:
        for run_id in runs:
            settled(client, run_id, "paused")
            body = {"type": "collect_inputs", "data": {"name": "Ada"}}
            assert client.post(f"/api/workflow/resume/{run_id}", json=body).status_code == 200
            assert settled(client, run_id)["status"] == "completed"
        events = client.get("/api/workflow/events", params={"wait": 0}).json()
        assert events
    answer = command("verify", "--data", server.data, environment=server.environment)
    assert (answer["runs"], answer["faults"]) == (5, 0)
    second = Server(tmp_path / "second", Path(server.environment["STEPWELL_PLUGINS"]),
                    **{name: value for name, value in server.environment.items()
                       if name.startswith("STEPWELL_DATABASE")})  # fmt: skip
    refused = run("serve", "--data", second.data, "--port", 0, environment=second.environment)
    assert refused.returncode == 1
    assert "another sealing key" in refused.stderr


def test_a_signal_stored_before_a_kill_is_delivered_once_shards_are_taken(
    server: Server, postgres: PostgresServer
) -> None:
    """The process is killed after it has stored the signal and before it finds the waiting run."""
    wait = {"id": "wait", "type": "wait-for-signal", "signal": "go", "key": "k"}
    with server.client() as client:
        create(client, "waits", [wait], straight("wait"))
        run_id = client.post("/api/workflow/start/waits", json={}).json()["runId"]
        settled(client, run_id, "paused")
    server.kill()
    schema, now_ms = server.environment["STEPWELL_DATABASE_SCHEMA"], round(time.time() * 1_000)
    postgres.execute(
        f"INSERT INTO {schema}.signals (tenant, name, key, data, sent_at_ms, expires_at_ms,"
        f" forget_at_ms) VALUES ('acme', 'go', 'k', '{{}}', {now_ms}, {now_ms + 10**8},"
        f" {now_ms + 10**8})"
    )
    server.start()
    with server.client() as client:
        settled(client, run_id, "completed", within=30)


def test_a_server_recovers_when_postgresql_is_back(
    alone: PostgresServer, tmp_path: Path, server: Server
) -> None:
    database = alone.database()
    plugin = Path(server.environment["STEPWELL_PLUGINS"])
    with Server(tmp_path / "away", plugin, STEPWELL_DATABASE=database.url) as running:
        runs = begin(running, 3)
        with running.client() as client:
            settled(client, runs[0], "paused")
            alone.stop()
            until = time.monotonic() + 90
            while client.get("/readyz").status_code == 200:
                assert time.monotonic() < until
                time.sleep(0.05)
            told = ""
            while "cannot be reached" not in told:
                refused = client.get(f"/api/workflow/status/{runs[0]}")
                assert (refused.status_code, time.monotonic() < until) == (503, True)
                told += refused.text + client.get("/readyz").text
            assert client.post("/api/workflow/start-async/slow", json={}).status_code == 503
            assert str(alone.folder) not in told, "where it is matters to operators only"
            alone.start()
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < until
                time.sleep(0.05)
            for run_id in runs:
                settled(client, run_id, "paused")
            body = {"type": "collect_inputs", "data": {"name": "Ada"}}
            answered = client.post(f"/api/workflow/resume/{runs[0]}", json=body)
            assert answered.status_code == 200, answered.text
        answer = command("verify", "--data", running.data, environment=running.environment)
        assert (answer["runs"], answer["faults"]) == (3, 0)


def test_refusals_state_the_reason_and_no_password(
    postgres: PostgresServer, tmp_path: Path, server: Server
) -> None:
    def started(url: str, data: str = "new", **more: str) -> str:
        environment = {**server.environment, "STEPWELL_DATABASE": url, **more}
        reported = run("serve", "--data", tmp_path / data, "--port", 0, environment=environment)
        assert reported.returncode == 1
        assert "geheim" not in reported.stderr + reported.stdout
        return str(reported.stderr)

    database = postgres.database()
    good = database.url
    free = {"STEPWELL_DATABASE_SCHEMA": database.schema}
    assert "synchronous_commit is off" in started(
        f"{good}&options=-csynchronous_commit%3Doff", **free
    )
    assert "it is read-only" in started(
        f"{good}&options=-cdefault_transaction_read_only%3Don", **free
    )
    assert "cannot be read" in started("postgresql://me:geheim@[::1/x")
    assert "must be an address" in started("mysql://me:geheim@db/x")
    gone = started(f"postgresql://me:geheim@/x?host={tmp_path}")
    assert "is unavailable" in gone
    assert f"postgresql://{tmp_path}:5432/x" in gone
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "journal.sqlite3").touch()
    assert "holds a journal in SQLite" in started(good, "old")
    server.kill()
    in_folder = {k: v for k, v in server.environment.items() if k != "STEPWELL_DATABASE"}
    moved = run("serve", "--data", server.data, "--port", 0, environment=in_folder)
    assert "set `database`" in moved.stderr
    for asked in (["backup", "--to", str(tmp_path / "copy")], ["upgrade", "--rehearse"]):
        reported = run(*asked, "--data", server.data, environment=server.environment)
        assert "the journal is in PostgreSQL" in reported.stderr
    findings = json.loads(
        run("doctor", "--json", "--data", server.data, environment=server.environment).stdout
    )
    assert findings["wrong"] == 0, findings
    assert any(one["what"] == "PostgreSQL" for one in findings["findings"])
