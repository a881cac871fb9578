"""Waiting signals and schedules are rows: found by an index, using hardly any memory."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.own.waiting import keep_schedules, keep_signals
from engine import Run
from journal import DATABASE, NewSignal
from tests.performance.test_work_per_run import TENANT, services_on, startable, to_the_end

ROOT = Path(__file__).parents[2]
LATE_MS = 400 * 86_400_000
PAYING: dict[str, Any] = {
    "id": "end", "name": "Paying", "initialStep": "paid", "edges": [{"from": "paid", "to": "end"}],
    "steps": [
        {"id": "paid", "type": "wait-for-signal", "signal": "payment", "key": "order-{{ data.n }}"},
        {"id": "end", "type": "end-flow"},
    ],
}  # fmt: skip


def test_signals_and_schedules_take_hardly_any_memory() -> None:
    """A tenth of 10,000 signals and 1,000 schedules, for which the goal is 20 MB."""
    command = ["-m", "benchmarks.own.waiting", "--signals", "1000", "--schedules", "100"]
    reported = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    grown = json.loads(reported.stdout)
    print(grown)
    assert grown["signals_mb"] + grown["schedules_mb"] <= 20 / 10


async def test_signals_and_schedules_are_found_by_an_index(tmp_path: Path) -> None:
    """Explain every statement caused by signals, waits, schedules and the clock.

    The check of all kept signals, once a minute, scans an index and returns those awaited by a run.
    """
    seen: set[str] = set()
    async with services_on(tmp_path) as services:
        new = await startable(services, PAYING)
        for connection in [
            services.journal._writer._connection,
            *services.journal.events._readers._connections,
        ]:
            await connection.set_trace_callback(seen.add)
        waiting: Run = await to_the_end(services, new)
        assert waiting.status == "paused"
        now_ms = services.clock.now_ms()
        lone = NewSignal("payment", "order-0", None, now_ms, now_ms + LATE_MS, now_ms)
        await services.journal.signals.send(TENANT, lone, 100)
        assert await services.journal.signals.waited_for(now_ms) == [(TENANT, "payment", "order-0")]
        await keep_signals(services, 0, 10)
        await keep_schedules(services, 0, 3)
        now_ms = services.clock.now_ms()
        for _ in range(200):
            run = await services.runs.read(TENANT, waiting.id)
            if run.status == "completed":
                break
            await asyncio.sleep(0.01)
        assert run.status == "completed"
        await services.journal.signals.forget(now_ms + LATE_MS)
        await services.journal.schedules.due(now_ms + LATE_MS, (0, "", ""), 100)
        await services.journal.schedules.next_due_ms()
        assert await services.journal.signals.waited_for(now_ms) == []
    asked = [
        text
        for text in seen
        if text.split()[0].upper() in ("SELECT", "UPDATE", "DELETE", "WITH")
        and ("signal" in text.lower() or "schedules" in text.lower())
    ]
    assert len(asked) > 10, asked
    with closing(sqlite3.connect(tmp_path / DATABASE)) as journal:
        plans = {text: journal.execute(f"EXPLAIN QUERY PLAN {text}").fetchall() for text in asked}
    walked = {
        text: step
        for text, steps in plans.items()
        for *_, step in steps
        if step.startswith("SCAN") and "json_each" not in step and "DISTINCT" not in text
    }
    assert walked == {}
