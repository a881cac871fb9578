"""The cost of runs without progress: memory, and the time until the server is ready."""

import time
from pathlib import Path

from benchmarks.definitions import asking, five
from benchmarks.gate import Gate
from benchmarks.own.seeding import copy_runs, history
from benchmarks.process import memory_mb
from benchmarks.stepwell_server import StepwellServer

_SETTLED_S = 2.0
_PATIENCE_S = 120.0


def paused_and_running(folder: Path, paused: int, running: int) -> dict[str, float]:
    """Return memory and start time of a server without runs, with paused and with running ones.

    Running runs were left inside a step by a kill: at the start each one executes that step
    again. All are copies of a real run's history.
    """
    folder.mkdir(parents=True)
    gate = Gate(folder / "gate")
    # Twice as many, since one tenant's runs never take all places.
    every_step_at_once = {"STEPWELL_MAX_CONCURRENT_STEPS": str(2 * running)}
    server = StepwellServer(folder, {**gate.environment, **every_step_at_once})
    try:
        empty_ready = server.start()
        empty_mb = _memory(server)
        server.create(asking("ask"))
        server.create(five("gated", gated_step=2))
        waits = server.ask("POST", "/api/workflow/start/ask", {"data": {}})["runId"]
        stands = server.ask("POST", "/api/workflow/start-async/gated", {"data": {}})["runId"]
        while gate.arrived < 1:
            time.sleep(0.05)
        server.kill()
        # Copied before the next kill: a run interrupted twice is a suspect, and tried alone.
        running_one = history(server.data, stands)
        copy_runs(server.data, *history(server.data, waits), paused)
        paused_ready = server.start()
        paused_mb = _memory(server)
        server.kill()
        copy_runs(server.data, *running_one, running)
        before = gate.arrived
        both_ready = server.start()
        until = time.monotonic() + _PATIENCE_S
        while gate.arrived - before < running:
            if time.monotonic() > until:
                raise TimeoutError(f"{gate.arrived - before} of {running} runs were carried on")
            time.sleep(0.05)
        return {
            "ready_empty_s": empty_ready,
            "memory_empty_mb": empty_mb,
            "ready_paused_s": paused_ready,
            "memory_paused_mb": paused_mb - empty_mb,
            "ready_both_s": both_ready,
        }
    finally:
        server.kill()


def _memory(server: StepwellServer) -> float:
    """Read memory once the transient memory of the start is freed."""
    time.sleep(_SETTLED_S)
    return memory_mb(server.pids)
