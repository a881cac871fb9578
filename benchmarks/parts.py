"""Processor time per run by part of the server, in microseconds, by sampling.

    python -m benchmarks.parts [--checkout ../other-checkout] [--callers 64] [--seconds 5]

The server runs with its default settings, the callers in this process. The shares are also valid
on a busy machine, since samples are taken once per millisecond of the server's processor time.
"""

import argparse
import asyncio
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks import sampler
from benchmarks.closed_loop import closed_loop
from benchmarks.definitions import five
from benchmarks.process import cpu_seconds
from benchmarks.stepwell_server import ROOT, StepwellServer

PARTS = (
    ("SQLite", ("journal/writing/transaction.py", "aiosqlite", "journal/sqlite/database.py")),
    ("encoding, hashing, rows", ("journal/rows/", "journal/histories/", "engine/events.py")),
    ("writer", ("journal/",)),
    ("engine", ("engine/",)),
    ("steps", ("steps/", "benchmarks/")),
    ("sockets", ("asyncio/selector_events.py",)),
    ("event loop", ("asyncio/", "uvloop", "selectors.py")),
    ("HTTP", ("app/web", "app/wire", "app/auth", "uvicorn/", "starlette/", "app/telemetry")),
    ("driver", ("app/",)),
)  # fmt: skip
"""Parts by where their code is; the first that fits."""

Samples = Sequence[tuple[str, str, int]]


def part_of(file: str) -> str:
    """Return the part to which the code of a file belongs."""
    return next((name for name, places in PARTS if any(one in file for one in places)), "rest")


def sampled(checkout: Path, tool: str, callers: int, seconds: float) -> tuple[float, Samples]:
    """Return the microseconds of processor time per run, and their distribution."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        folder = Path(made)
        file = folder / "samples.json"
        plugins = [ROOT / "benchmarks" / name for name in ("stepwell_tools.py", "sampler.py")]
        server = StepwellServer(
            folder,
            {
                "PYTHONPATH": str(checkout),
                "STEPWELL_PLUGINS": ",".join(map(str, plugins)),
                sampler.VARIABLE: str(file),
            },
        )
        server.start()
        try:
            server.create(five("five", tool))
            connect = server.starts("five")
            asyncio.run(closed_loop(connect, callers, min(2.0, seconds), 1_000_000))
            _take(server.pids[0], file)
            used = cpu_seconds(server.pids)
            load = asyncio.run(closed_loop(connect, callers, seconds, 1_000_000))
            used = cpu_seconds(server.pids) - used
            samples = _take(server.pids[0], file)
        finally:
            server.kill()
    return used * 1e6 / load.answered, samples


def _take(pid: int, file: Path) -> Samples:
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    until = time.monotonic() + 30
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.02)
    found: Samples = json.loads(file.read_text())
    return found


def main() -> None:
    """Sample and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, default=ROOT)
    parser.add_argument("--tool", default="add")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--functions", type=int, default=0, help="how many functions to list")
    chosen = parser.parse_args()
    us, samples = sampled(chosen.checkout.resolve(), chosen.tool, chosen.callers, chosen.seconds)
    total = sum(count for _, _, count in samples)
    parts: Counter[str] = Counter()
    for file, _, count in samples:
        parts[part_of(file)] += count
    print(f"{us:.0f} us a run, {total} samples")
    for name, count in parts.most_common():
        print(f"| {name} | {us * count / total:.0f} us |")
    for file, function, count in sorted(samples, key=lambda one: -one[2])[: chosen.functions]:
        print(f"{us * count / total:6.1f} us  {function}  {file[-50:]}")


if __name__ == "__main__":
    main()
