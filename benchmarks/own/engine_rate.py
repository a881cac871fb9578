"""Durable events per second inside the engine: driver and journal, without HTTP."""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

from app.assembly import open_services
from app.execution.starting.new_run import NewRun
from app.services import Services
from app.settings.server import load
from app.telemetry import log_output
from benchmarks.definitions import five
from benchmarks.stepwell_server import ROOT, TENANT
from journal import DATABASE
from steps.document.compiled import Definition


async def new_run(services: Services, definition: dict[str, Any]) -> NewRun:
    """Store a definition and return the start of a run of it."""
    await services.workflows.create(TENANT, definition)
    stored, compiled = await services.workflows.startable(TENANT, definition["id"], None)
    assert isinstance(compiled, Definition)
    return NewRun(TENANT, stored.id, stored.version, compiled, {}, "bench")


def events_a_second(folder: Path, tool: str, runs: int, seconds: float) -> float:
    """Keep `runs` runs in progress for `seconds`, and count the durable events."""
    tools = ROOT / "benchmarks" / "stepwell_tools.py"
    settings = load({"data": folder, "plugins": [tools], "log_level": "warning"}).settings
    log_output.configure("warning", "console")

    async def measure() -> float:
        async with open_services(settings) as services:
            new = await new_run(services, five("five", tool))
            until = time.perf_counter() + seconds

            async def one_after_another() -> None:
                while time.perf_counter() < until:
                    _, outcome = await services.runs.start(new, wait=True)
                    assert outcome is not None
                    assert (await outcome).status == "completed"

            began = time.perf_counter()
            await asyncio.gather(*(one_after_another() for _ in range(runs)))
            return time.perf_counter() - began

    folder.mkdir(parents=True)
    taken = asyncio.run(measure())
    connection = sqlite3.connect(folder / DATABASE)
    (events,) = connection.execute("SELECT sum(seq) FROM runs").fetchone()
    connection.close()
    return float(events / taken)
