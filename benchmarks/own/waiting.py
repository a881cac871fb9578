"""The cost of waiting signals and schedules in one process: rows, and hardly any memory.

python -m benchmarks.own.waiting [--signals 9500] [--schedules 980]
"""

import argparse
import asyncio
import gc
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.assembly import open_services
from app.services import Services
from app.settings.server import load
from app.telemetry import log_output
from app.triggers.schedule_document import ScheduleBody
from engine import JsonObject
from journal import NewSignal

_AT_ONCE = 500
_WARM = 20
_HOUR_MS = 3_600_000
_ENDS_AT_ONCE: JsonObject = {
    "id": "end", "name": "End", "initialStep": "end", "steps": [{"id": "end", "type": "end-flow"}],
}  # fmt: skip


def resident() -> int:
    """Return how many bytes this process has in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def keep_signals(services: Services, first: int, count: int) -> None:
    """Send signals that no run waits for, each with a unique key."""
    now_ms = services.clock.now_ms()
    for start in range(first, first + count, _AT_ONCE):
        await asyncio.gather(
            *(
                services.signals.send(
                    "acme",
                    NewSignal("payment", f"order-{number}", {"amount": number}, now_ms,
                              now_ms + _HOUR_MS, now_ms + _HOUR_MS),
                )
                for number in range(start, min(start + _AT_ONCE, first + count))
            )
        )  # fmt: skip


async def keep_schedules(services: Services, first: int, count: int) -> None:
    """Store schedules, each at a different minute."""
    for number in range(first, first + count):
        body = ScheduleBody(
            workflowId="end", cron=f"{number % 60} {number % 24} * * *", timeZone="Europe/Berlin"
        )
        await services.triggers.schedules.put("acme", f"schedule-{number}", body)


async def measured(folder: Path, signals: int, schedules: int) -> Mapping[str, float]:
    """Return the growth of the process in megabytes."""
    async with open_services(load({"data": folder, "log_level": "warning"}).settings) as services:
        await services.workflows.create("acme", _ENDS_AT_ONCE)
        await keep_signals(services, 0, _AT_ONCE)
        await keep_schedules(services, 0, _WARM)
        begun = resident()
        await keep_signals(services, _AT_ONCE, signals)
        with_signals = resident()
        await keep_schedules(services, _WARM, schedules)
        with_both = resident()
        await services.runs.close(1)
    return {
        "signals_mb": round((with_signals - begun) / 1e6, 2),
        "schedules_mb": round((with_both - with_signals) / 1e6, 2),
    }


def main() -> None:
    """Print the measurements."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--signals", type=int, default=9_500)
    options.add_argument("--schedules", type=int, default=980)
    given = options.parse_args()
    log_output.configure("warning", "console")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measured(Path(folder), given.signals, given.schedules))))


if __name__ == "__main__":
    main()
