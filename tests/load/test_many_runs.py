"""With many runs in the journal a restart is fast, and timers due at once fire once each.

STEPWELL_LOAD_RUNS sets the number of runs (100000 in `make load-test`).
"""

import asyncio
import os
import sqlite3
import time
from contextlib import closing

from tests.harness.flood import Ask, Line, resident_mb
from tests.harness.journals import events_one_by_one
from tests.harness.many_runs import fill
from tests.harness.server import Server, settled
from tests.load.conftest import Load, metric, nothing_long

RUNS = int(os.environ.get("STEPWELL_LOAD_RUNS", "5000"))


def counted(server: Server, statement: str) -> int:
    with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal:
        (count,) = events_one_by_one(journal).execute(statement).fetchone()
    return int(count)


async def test_a_restart_with_many_paused_runs_and_some_running(load: Load) -> None:
    empty = load("empty")
    empty.kill()
    empty.start()
    alone = empty.computed_s()
    empty.key()
    idle = resident_mb(empty)
    server = load("many")
    server.kill()
    await fill(server.data, {"paused": RUNS, "running": RUNS // 100}, 0)
    server.start()
    took = server.computed_s()
    with server.client() as client:
        page = client.get("/api/workflow/runs", params={"status": "paused", "limit": 100}).json()
        assert len(page["runs"]) == 100
        until = time.monotonic() + 60
        while metric(server, "runs_in_memory"):
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        after = resident_mb(server)
        completed = counted(server, "SELECT count(*) FROM runs WHERE status = 'completed'")
        assert completed == RUNS // 100
        last = page["runs"][0]["runId"]
        answer = {"type": "collect_inputs", "data": {"answer": "yes"}}
        client.post(f"/api/workflow/resume/{last}", json=answer).raise_for_status()
        assert settled(client, last)["status"] == "completed"
    print(
        f"{RUNS} paused and {RUNS // 100} running: ready after {took:.2f} s of work,"
        f" an empty server after {alone:.2f} s; {after - idle:.1f} MB more than its {idle:.1f} MB"
    )
    assert took < 3 * alone + 1
    assert after - idle < 30
    nothing_long(server)


async def test_many_timers_that_are_due_at_once_fire_once_each(load: Load) -> None:
    due = RUNS // 10
    server = load()
    server.kill()
    await fill(server.data, {"due": due}, time.time_ns() // 1_000_000 - 1_000)
    server.start()
    began = time.monotonic()
    answers, slowest = 0, 0.0
    async with Line(server) as line:
        while True:
            answer = await line.ask(Ask("GET", "/api/workflow/runs?status=running&limit=1"))
            answers, slowest = answers + 1, max(slowest, answer.seconds)
            if not answer.json()["runs"]:
                break
            assert time.monotonic() - began < 60 + due / 200
            await asyncio.sleep(0.02)
    took = time.monotonic() - began
    print(f"{due} runs ended in {took:.1f} s; the slowest answer meanwhile took {slowest:.3f} s")
    assert counted(server, "SELECT count(*) FROM each_event WHERE type = 'RunCompleted'") == due
    woken = (
        "SELECT count(*) FROM each_event WHERE type = 'StepCompleted'"
        " AND json_extract(body, '$.step_id') = 'sleep'"
    )
    assert counted(server, woken) == due
    assert answers > 4, "they kept everybody else waiting"
    nothing_long(server)
