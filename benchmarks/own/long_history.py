"""The effect of a long journal, a long loop or a long list on the cost of the same work."""

import asyncio
import sqlite3
import time
from pathlib import Path
from statistics import median

from benchmarks.closed_loop import closed_loop
from benchmarks.definitions import five, loop, over_items
from benchmarks.own.seeding import copy_runs, history
from benchmarks.stepwell_server import StepwellServer
from journal import DATABASE

_CALLERS = 64
_WINDOW = 50


def full_against_empty(folder: Path, events: int, rounds: int, seconds: float) -> dict[str, float]:
    """Return runs per second with `events` events in the journal and with none, alternately."""
    servers = {name: StepwellServer(folder / name) for name in ("full", "empty")}
    rates: dict[str, list[float]] = {name: [] for name in servers}
    try:
        for server in servers.values():
            server.start()
            server.create(five())
        full = servers["full"]
        run_id = full.ask("POST", "/api/workflow/start/five", {"data": {}})["runId"]
        full.stop()
        tenant, found = history(full.data, run_id)
        copy_runs(full.data, tenant, found, max(1, events // len(found)))
        full.start()
        for _ in range(rounds):
            for name, server in servers.items():
                load = closed_loop(server.starts("five"), _CALLERS, seconds, 1_000_000)
                rates[name].append(asyncio.run(load).rate)
    finally:
        for server in servers.values():
            server.kill()
    return {f"rate_{name}": median(found) for name, found in rates.items()}


def late_step_against_early(folder: Path, tool: str, runs: int) -> float:
    """Return the cost of a step around the 1,000th, as a multiple of one around the 60th.

    The times are those in the journal: the mean over 100 steps, since a single step is shorter
    than the journal's resolution of one millisecond, and the minimum over `runs` runs.
    """
    server = StepwellServer(folder)
    early: list[float] = []
    late: list[float] = []
    try:
        server.start()
        server.create(loop("loop", tool, 1_060))
        for _ in range(runs):
            answer = server.ask("POST", "/api/workflow/start/loop", {"data": {}})
            assert answer["status"] == "completed", answer
            times = step_times(server.data, answer["runId"])
            early.append(step_cost(times, 60))
            late.append(step_cost(times, 1_000))
    finally:
        server.kill()
    return min(late) / min(early)


def map_against_single_runs(folder: Path, items: int, seconds: float) -> dict[str, float]:
    """Return child runs per second of one map, and runs per second of as many callers."""
    server = StepwellServer(folder)
    try:
        server.start()
        server.create(five())
        server.create(over_items("map", "five", _CALLERS))
        single = asyncio.run(closed_loop(server.starts("five"), _CALLERS, seconds, 1_000_000))
        began = time.perf_counter()
        data = {"data": {"items": list(range(items))}}
        run_id = server.ask("POST", "/api/workflow/start-async/map", data)["runId"]
        while (answer := server.ask("GET", f"/api/workflow/status/{run_id}"))[
            "status"
        ] in "running":
            time.sleep(0.25)
            assert time.perf_counter() - began < 300, "the map takes too long"
        assert answer["status"] == "completed", str(answer)[:2_000]
        taken = time.perf_counter() - began
        return {"map_rate": items / taken, "single_rate": single.rate}
    finally:
        server.kill()


def step_times(data: Path, run_id: str) -> list[int]:
    """Return when each step of a run ended, in Unix milliseconds."""
    connection = sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)
    try:
        found = connection.execute(
            "SELECT at_ms, type FROM events WHERE run = ? ORDER BY seq",
            (int(run_id.rpartition("-")[2]),),
        )
        # A row holds all events of an append that happened at the same moment.
        return [at_ms for at_ms, kinds in found for _ in range(kinds.count("StepCompleted"))]
    finally:
        connection.close()


def step_cost(times: list[int], step: int) -> float:
    return (times[step + _WINDOW] - times[step - _WINDOW]) / (2 * _WINDOW)
