"""The processor time of a run inside the engine: of this checkout, and of others alternately.

    python -m benchmarks.run_cost [--against ../other-checkout] [--rounds 3]

Other load on the machine distorts times. So each figure is the minimum of many short
measurements of processor time, and checkouts alternate, each in a separate process that imports
its own code. HTTP and the callers are not included. A round of a checkout takes some 15 seconds,
and is reported when it ends.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.assembly import open_services
from app.execution.starting.new_run import NewRun
from app.services import Services
from app.settings.server import load
from app.telemetry import log_output
from benchmarks.definitions import five
from benchmarks.own.engine_rate import new_run
from benchmarks.rounds import say
from benchmarks.stepwell_server import ROOT

CALLERS = (1, 64, 1_000)
TOOLS = ("add", "purely_add")
_LOOKS = {1: (24, 20), 64: (12, 2), 1_000: (2, 1)}
"""By how many there are at once: how often it is looked, at how many runs of each."""


async def _look(services: Services, new: NewRun, callers: int, each: int) -> float:
    """Return the microseconds of processor time per run, with this many at once."""

    async def caller() -> None:
        for _ in range(each):
            _, outcome = await services.runs.start(new, wait=True)
            assert outcome is not None
            assert (await outcome).status == "completed"

    began = time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return (time.process_time() - began) * 1e6 / (each * callers)


async def _least(folder: Path, tool: str) -> dict[str, float]:
    plugin = ROOT / "benchmarks" / "stepwell_tools.py"
    settings = load({"data": folder, "plugins": [plugin], "log_level": "warning"}).settings
    async with open_services(settings) as services:
        new = await new_run(services, five("five", tool))
        await _look(services, new, 64, 4)
        gc.collect()
        gc.freeze()
        least = {}
        for callers in CALLERS:
            looks, each = _LOOKS[callers]
            found = [await _look(services, new, callers, each) for _ in range(looks)]
            least[str(callers)] = min(found)
        return least


def measure() -> dict[str, dict[str, float]]:
    """Return the minimum processor time per run, by tool and by the number of concurrent runs."""
    log_output.configure("warning", "console")
    found = {}
    for tool in TOOLS:
        with tempfile.TemporaryDirectory() as folder:
            found[tool] = asyncio.run(_least(Path(folder), tool))
    return found


def measured_by(checkout: Path) -> Mapping[str, Mapping[str, float]]:
    """Return the result of `measure` with the code of a checkout, in a separate process."""
    told = subprocess.run(
        [sys.executable, __file__, "--once"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, dict[str, float]] = json.loads(told.stdout)
    return found


def table(checkouts: Sequence[Path], rounds: int) -> str:
    """Return the figures of the checkouts as a table, each the minimum of the rounds."""
    found: list[list[Mapping[str, Mapping[str, float]]]] = [[] for _ in checkouts]
    for number in range(1, rounds + 1):
        for place, checkout in zip(found, checkouts, strict=True):
            place.append(measured_by(checkout))
            say(f"round {number} of {rounds}: {checkout} {json.dumps(place[-1])}")
    lines = [f"| tool, runs at once | {' | '.join(map(str, checkouts))} |"]
    lines.append("| --- |" + " ---: |" * len(checkouts))
    for tool in TOOLS:
        for callers in map(str, CALLERS):
            least = [min(one[tool][callers] for one in place) for place in found]
            lines.append(f"| {tool}, {callers} | {' | '.join(f'{us:.0f} us' for us in least)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="only this code, as JSON")
    parser.add_argument("--against", type=Path, action="append", default=[], help="a checkout")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.once:
        print(json.dumps(measure()))
    else:
        others = [checkout.resolve() for checkout in chosen.against]
        print(table([*others, ROOT], chosen.rounds))


if __name__ == "__main__":
    main()
