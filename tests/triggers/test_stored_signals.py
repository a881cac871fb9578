"""Signals in the journal: across kills, and among thousands of others."""

import random
import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from journal.tables import signals
from tests.conftest import PLUGIN
from tests.harness.journal_access import read_journal
from tests.harness.journals import events_one_by_one
from tests.harness.server import Server, settled
from tests.triggers.conftest import until
from tests.triggers.payments import PAID, begin, define, flow, send


def test_kills_neither_lose_nor_repeat_a_signal(tmp_path: Path) -> None:
    dice = random.Random(11)
    with Server(tmp_path / "data", PLUGIN) as server:
        with server.client() as client:
            define(client, flow("paying", PAID))
            tell = {
                "id": "tell",
                "type": "send-signal",
                "signal": "payment",
                "key": "k",
                "data": {"amount": 0.5},
            }
            define(client, flow("teller", tell))
        runs: list[str] = []
        for life in range(5):
            killer = threading.Timer(0.2 + dice.random() * 0.8, server.kill)
            killer.start()
            with server.client() as client:
                for number in range(200):
                    try:
                        runs.append(begin(client, "paying", order="k"))
                        if number % 3 == 0:
                            begin(client, "teller")
                        identity = f"{life}-{number}"
                        client.post("/api/signals", json={
                            "name": "payment", "key": "k", "id": identity, "data": {"amount": 1}})  # fmt: skip
                    except httpx.TransportError:
                        break
            killer.join()
            server.start()
        counts = partial(_accounts, server)
        until(counts, lambda found: found["waiting"] == 0 or found["kept"] == 0)
        found = counts()
        assert found["taken"] == found["resumed"] > 10
        assert found["doubled"] == 0
        with server.client() as client:
            for number in range(found["waiting"]):
                send(client, key="k", id=f"last-{number}", data={"amount": 1})
            for run in runs:
                assert settled(client, run)["status"] == "completed"
            until(lambda: _accounts(server), lambda now: now["unsent"] == 0)
        last = _accounts(server)
        assert (last["waiting"], last["doubled"], last["taken"]) == (0, 0, last["resumed"])


def _accounts(server: Server) -> dict[str, int]:
    asked = {
        "waiting": "SELECT count(*) FROM runs WHERE signal_name IS NOT NULL",
        "kept": "SELECT count(*) FROM signals WHERE taken_at_ms IS NULL",
        "taken": "SELECT count(*) FROM signals WHERE taken_by IS NOT NULL",
        "resumed": "SELECT count(*) FROM each_event WHERE type = 'RunResumed'",
        "doubled": "SELECT count(*) - count(DISTINCT taken_by) FROM signals WHERE taken_by IS NOT NULL",
        "unsent": "SELECT (SELECT count(*) FROM runs WHERE workflow_id = 'teller')"
        " - (SELECT count(*) FROM signals WHERE sender_id IS NULL)",
    }  # fmt: skip
    with read_journal(server) as journal:
        events_one_by_one(journal)
        return {name: journal.execute(sql).fetchone()[0] for name, sql in asked.items()}


@pytest.mark.data_folder
def test_ten_thousand_stored_signals_are_found_by_index(server: Server) -> None:
    with server.client() as client:
        define(client, flow("paying", PAID))
        send(client, key="0", keepFor="1d", data={"amount": 1})
        server.kill()
        file = server.data / "journal.sqlite3"
        before = file.stat().st_size
        with closing(sqlite3.connect(file)) as journal:
            journal.executemany(
                "INSERT INTO signals (tenant, name, key, data, sent_at_ms, expires_at_ms,"
                " forget_at_ms) SELECT tenant, name, ?, data, sent_at_ms, expires_at_ms,"
                " forget_at_ms FROM signals WHERE position = 1",
                [(str(number),) for number in range(1, 10_000)],
            )
            journal.commit()
            journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert file.stat().st_size - before < 5_000_000
        server.start()
        refused = client.post("/api/signals", json={"name": "payment", "key": "more"})
        assert refused.status_code == 429
        run = client.post("/api/workflow/start/paying", json={"data": {"order": 7_777}}).json()[
            "runId"
        ]
        assert settled(client, run, "completed")["result"] == {"got": 1}
    with closing(sqlite3.connect(file)) as journal:
        plans = {
            "match": (signals._WAITS_LONGEST, "runs_waiting"),
            "full": (signals._FULL, "signals_kept"),
            "expired": (signals._EXPIRED, "signals_expiring"),
            "old": (signals._OLD, "signals_to_forget"),
        }
        for name, (sql, index) in plans.items():
            values: Any = {"tenant": "a", "name": "b", "key": "c", "without": "[]"}
            given = values if ":tenant" in sql else ("a", 1)[: sql.count("?")]
            plan = " ".join(row[3] for row in journal.execute(f"EXPLAIN QUERY PLAN {sql}", given))
            assert index in plan, (name, plan)
            assert "TEMP B-TREE" not in plan
