"""The cost of the same runs with the journal in SQLite and in PostgreSQL, measured alternately.

    python -m benchmarks.journals [--rounds 4] [--seconds 3] [--callers 64] [--prefer]

One process on a folder, one on PostgreSQL, and two that share it: runs per second, and
microseconds of processor time per run in each process tree, the database first. With `--prefer`
(Linux, as root) the scheduler prefers the measured processes to other programs. Each backend of
PostgreSQL starts its own session, which the scheduler treats as a separate group, so each has to
be preferred individually.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.process import cpu_seconds, descendants
from benchmarks.systems.base import System
from benchmarks.systems.stepwell import Stepwell
from benchmarks.systems.stepwell_postgres import StepwellPostgres

_PREFERRED = "-12"
_MOST = 1_000_000


@contextmanager
def _running(system: System, callers: int) -> Iterator[System]:
    """Start a system in a new folder, and warm it up."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        system.prepare(Path(folder), {})
        system.launch()
        try:
            system.load(callers, 1.5, _MOST)
            yield system
        finally:
            system.stop()


def _prefer(pids: list[int]) -> None:
    for pid in (one for root in pids for one in descendants(root)):
        Path(f"/proc/{pid}/autogroup").write_text(_PREFERRED)


def _measured(system: System, callers: int, seconds: float) -> tuple[float, list[float]]:
    """Return the runs per second, and the microseconds per run of each process tree."""
    pids = [process.pid for process in system.processes]
    before = [cpu_seconds([pid]) for pid in pids]
    load = system.load(callers, seconds, _MOST)
    used = [cpu_seconds([pid]) - at for pid, at in zip(pids, before, strict=True)]
    return load.rate, [one * 1e6 / max(1, load.answered) for one in used]


def _compare(chosen: argparse.Namespace) -> None:
    made: Mapping[str, System] = {
        "SQLite": Stepwell(pure=False),
        "PostgreSQL, 1 process": StepwellPostgres(1),
        "PostgreSQL, 2 processes": StepwellPostgres(2),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    with ExitStack() as stack:
        for system in made.values():
            stack.enter_context(_running(system, chosen.callers))
        if chosen.prefer:
            own = [os.getpid()]
            trees = [process.pid for system in made.values() for process in system.processes]
            _prefer(own + trees)
        for number in range(chosen.rounds):
            for name, system in made.items():
                rate, parts = _measured(system, chosen.callers, chosen.seconds)
                found[name].append((rate, sum(parts)))
                shown = " + ".join(f"{us:.0f}" for us in parts)
                load = os.getloadavg()[0]
                print(f"{number}: {name}: {rate:.0f} runs/s, {shown} us a run, load {load:.1f}")
    for name, rounds in found.items():
        rate, us = (median(column) for column in zip(*rounds, strict=True))
        print(f"| {name} | {rate:.0f} runs/s | {us:.0f} us a run |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--prefer", action="store_true", help="over other programs; Linux, root")
    _compare(parser.parse_args())


if __name__ == "__main__":
    main()
