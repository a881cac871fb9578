"""Ended runs are deleted by age and number, with their child runs; open runs are kept."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from engine import RunTerminated
from tests.conftest import PLUGIN
from tests.harness.journals import completed, faults, filled, paused
from tests.harness.processes import command, run
from tests.harness.server import Server

DAY_MS = 86_400_000


def numbers(folder: Path) -> set[int]:
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as connection:
        return {number for (number,) in connection.execute("SELECT id FROM runs")}


def retention(folder: Path, settings: str, *more: str) -> Any:
    config = folder.parent / "stepwell.toml"
    config.write_text(settings)
    return command("retention", "--data", folder, "--config", config, *more)


def days_ago(days: float) -> int:
    return int(time.time() * 1_000 - days * DAY_MS)


def test_runs_are_deleted_by_age_and_number_for_each_status_and_tenant(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    filled(folder, lambda n: completed(n, days_ago(100 - n)), range(1, 21))
    filled(folder, lambda n: completed(n, days_ago(100)), [31], tenant="other")
    filled(folder, lambda n: [*paused(n), RunTerminated(days_ago(400))], [40, 41])
    filled(folder, paused, [50])
    filled(folder, lambda n: completed(n, days_ago(99), parent=1), [60])  # a child of run 1
    filled(folder, lambda n: [*paused(n)[:0], *completed(n, days_ago(98.5))], [70])
    filled(folder, lambda n: completed(n, days_ago(98), parent=70)[:2], [71])  # has not ended
    assert retention(folder, "") == {"deleted": 0}
    settings = (
        'retention = {completed = "P89DT12H", terminated = "500d"}\n'
        "retention_keep = {terminated = 1}\n"
        'retention_tenants = {other = {completed = "101d"}}\n'
    )
    shown = retention(folder, settings, "--dry-run")["goes"]
    assert [(row["tenant"], row["status"], row["runs"]) for row in shown] == [
        ("acme", "completed", 11), ("acme", "terminated", 1)
    ]  # fmt: skip
    before = numbers(folder)
    assert retention(folder, settings) == {"deleted": 12}
    gone = before - numbers(folder)
    assert gone == {*range(1, 11), 60, 40}
    assert faults(folder) == []


def test_a_server_deletes_in_the_background_and_reuses_no_id(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    last = int(time.time() * 1_000) + 10_000_000
    filled(folder, lambda n: completed(n, days_ago(3)), range(last - 299, last + 1))
    filled(folder, paused, [7])
    with Server(folder, PLUGIN, STEPWELL_RETENTION="completed=2d", STEPWELL_HOUSEKEEPING_INTERVAL="0.2") as server:  # fmt: skip
        until = time.monotonic() + 60
        while numbers(folder) != {7}:
            assert time.monotonic() < until
            time.sleep(0.1)
        document = {
            "name": "W",
            "id": "w",
            "initialStep": "end",
            "steps": [{"id": "end", "type": "end-flow"}],
            "edges": [],
        }
        with server.client() as client:
            assert client.post("/api/workflows", json=document).status_code == 201
            server.kill()
            server.start()
            run_id = client.post("/api/workflow/start/w").json()["runId"]
    assert run_id == f"dynamic-workflow-{last + 1}"


def test_a_wrong_duration_is_named(tmp_path: Path) -> None:
    shown = run("config", "--retention", "completed=soon")
    assert shown.returncode == 1
    assert "must be a duration" in shown.stderr
    shown = run("config", "--retention", "completed=90d", "--retention-keep", "failed=5")
    assert "retention = {'completed': '90d'}  (command line)" in shown.stdout


def test_conversations_are_deleted_after_a_long_silence(tmp_path: Path) -> None:
    scripts = [
        {"when": "asked.first == 'ask'", "answers": [
            {"calls": [{"tool": "ask-user", "arguments": {"question": "Which?"}}]}]},
        {"answers": [{"text": "Yes."}]},
    ]  # fmt: skip
    settings = {"STEPWELL_THREAD_RETENTION": "1s", "STEPWELL_HOUSEKEEPING_INTERVAL": "0.2"}
    with (
        Server(tmp_path / "data", PLUGIN, **settings) as server,
        server.client() as client,
    ):
        model = {"provider": "scripted", "model": "script", "scripts": scripts}
        client.put("/api/models/script", json=model)
        agent = {"id": "clerk", "name": "Clerk", "instructions": "Work.", "tools": ["ask-user"]}
        assert client.post("/api/agents", json=agent).status_code == 201
        for thread, message in (("waits", "ask"), ("over", "hello")):
            asked = client.post(
                "/api/agents/clerk/invoke", json={"message": message, "threadId": thread}
            )
            assert asked.status_code in (200, 202), asked.text
        assert client.get("/api/threads/over").json()["exchanges"][0]["answer"] == "Yes."
        until = time.monotonic() + 20
        while client.get("/api/threads/over").status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert client.get("/api/threads/waits").status_code == 200, "a step is at work on it"
