"""The cost of a step late in a long run, and of a request beside many runs."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from benchmarks.closed_loop import closed_loop
from benchmarks.definitions import asking, loop
from benchmarks.http_client import requests
from benchmarks.own.long_history import step_cost, step_times
from benchmarks.own.seeding import copy_runs, history
from benchmarks.stepwell_server import StepwellServer
from journal import DATABASE

_WAIT_S = 900
_EARLY = 60


def of_a_run(folder: Path, steps: Sequence[int]) -> dict[str, float]:
    """Return the cost of the last steps of long runs, as multiples of an early step's."""
    folder.mkdir(parents=True)
    server = StepwellServer(folder)
    found: dict[str, float] = {}
    try:
        server.start()
        for count in steps:
            name = f"loop-{count}"
            server.create(loop(name, "purely_add", count + 200))
            path = f"/api/workflow/start-async/{name}"
            run_id = server.ask("POST", path, {"data": {}})["runId"]
            _until_over(server, run_id)
            times = step_times(server.data, run_id)
            found[f"step_{count}"] = step_cost(times, count) / step_cost(times, _EARLY)
    finally:
        server.kill()
    return found


def of_a_journal(folder: Path, runs: Sequence[int], seconds: float) -> dict[str, float]:
    """Return p50 of a list's first page, and the rate of starts, beside many paused runs."""
    found: dict[str, float] = {}
    for count in runs:
        place = folder / str(count)
        place.mkdir(parents=True)
        server = StepwellServer(place)
        try:
            server.start()
            server.create(asking("ask"))
            started = server.ask("POST", "/api/workflow/start/ask", {"data": {}})
            server.stop()
            tenant, events = history(server.data, started["runId"])
            copy_runs(server.data, tenant, events, count - 1)
            server.start()
            lists = requests(
                server.port, "GET", "/api/workflow/runs?status=paused&limit=50",
                headers=server.headers, expect=b'"runs"',
            )  # fmt: skip
            listed = asyncio.run(closed_loop(lists, 1, seconds, 1_000_000))
            starts = server.starts("ask", b'"paused"')
            load = asyncio.run(closed_loop(starts, 64, seconds, 1_000_000))
            found |= {f"list_{count}_p50_ms": listed.p50_ms, f"rate_{count}": load.rate}
        finally:
            server.kill()
    return found


def _until_over(server: StepwellServer, run_id: str) -> None:
    """Wait until a run has ended, by its row, since its full status is long."""
    number = int(run_id.rpartition("-")[2])
    address = f"file:{server.data / DATABASE}?mode=ro"

    def is_over() -> bool:
        connection = sqlite3.connect(address, uri=True)
        try:
            query = "SELECT status FROM runs WHERE id = ?"
            (status,) = connection.execute(query, (number,)).fetchone()
            assert status in ("running", "completed"), status
            return bool(status == "completed")
        finally:
            connection.close()

    assert server.process
    server.process.wait_until(is_over, _WAIT_S, every_s=0.25)
