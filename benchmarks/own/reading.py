"""Status requests of a finished run compared with an empty handler, alternately."""

import asyncio
from pathlib import Path
from statistics import median

from benchmarks.closed_loop import closed_loop
from benchmarks.definitions import five
from benchmarks.http_client import requests
from benchmarks.limits import EmptyServer
from benchmarks.stepwell_server import StepwellServer

_CALLERS = 64


def against_an_empty_handler(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    folder.mkdir(parents=True)
    server = StepwellServer(folder)
    empty = EmptyServer(folder)
    status: list[float] = []
    nothing: list[float] = []
    try:
        server.start()
        server.create(five())
        run_id = server.ask("POST", "/api/workflow/start/five", {"data": {}})["runId"]
        path = f"/api/workflow/status/{run_id}"
        call = requests(server.port, "GET", path, headers=server.headers, expect=b'"completed"')
        for _ in range(rounds):
            status.append(asyncio.run(closed_loop(call, _CALLERS, seconds, 1_000_000)).rate)
            nothing.append(empty.rate("GET", _CALLERS, seconds))
    finally:
        empty.process.kill()
        server.kill()
    return {"status_rate": median(status), "empty_rate": median(nothing)}
