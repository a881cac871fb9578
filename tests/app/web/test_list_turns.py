"""A long list is read, made and sent in many short pieces, so that others have turns between."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from app.assembly import open_services
from app.auth.keys import new_key
from app.settings.server import load
from app.web.application import application
from tests.harness.connection import Connection
from tests.harness.counted_work import counted_callbacks

RUNS = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 600)
    INSERT INTO runs (id, tenant, workflow_id, version, status, state, seq, started_at_ms,
                      updated_at_ms, ended_at_ms)
    SELECT n, 'acme', 'wf', '1.0.0', 'completed', 'completed', 1, n, n, n FROM numbers
"""
CAPTIONS = """
    INSERT INTO run_captions (run, tenant, started_at_ms, title, labels)
    SELECT id, tenant, started_at_ms, 'a title of run ' || id, '{"customer": "42"}' FROM runs
"""
MOST = 0.03
"""The share of the largest piece; 0.3 if all rows are sorted, and all titles read, in one.

A request of another tenant waits for one piece at least. 0.04 if each label is parsed by itself.
"""

MOST_BYTES = 24_000


@pytest.mark.parametrize("search", ["", "&topLevel=true&workflowId=wf"])
async def test_no_piece_of_a_long_list_has_much_of_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    settings = load({"data": tmp_path}).settings
    async with open_services(settings) as services:
        key, row = new_key("acme", "owner", "k", services.clock.now_ms())
        await services.journal.keys.create(row)
        await services.authenticator.load()
        with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as journal, journal:
            journal.execute(RUNS)
            journal.execute(CAPTIONS)
        connection = Connection(application(services, "http://x"), settings)
        asked = (
            f"GET /api/workflow/runs?limit=500{search} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n"
            "x-tenant-id: acme\r\n\r\n"
        ).encode()
        await connection.ask(asked)  # loads the API
        with counted_callbacks() as pieces:
            sent, write = Counter[int](), connection.wire.write

            def count_and_write(data: bytes) -> None:
                sent[len(pieces)] += len(data)
                write(data)

            monkeypatch.setattr(connection.wire, "write", count_and_write)
            answer = await connection.ask(asked)
        await services.runs.close(1)
    shown = json.loads(answer.partition(b"\r\n\r\n")[2])["runs"]
    assert [run["runId"] for run in shown] == [f"dynamic-workflow-{n}" for n in range(600, 100, -1)]
    assert shown[0]["labels"] == {"customer": "42"}
    print(f"{len(pieces)} pieces, the largest {sorted(pieces)[-3:]} of {sum(pieces)} calls")
    assert max(pieces) < sum(pieces) * MOST
    assert max(sent.values()) < MOST_BYTES, "what is copied and sent at once takes time too"
