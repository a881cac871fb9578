"""Thousands of simulated worlds; `STEPWELL_SEED=n` simulates one and prints its trace."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from random import SystemRandom

import pytest

from tests.simulation.simulate import Report, simulate

SEED = os.environ.get("STEPWELL_SEED")
SECONDS = float(os.environ.get("STEPWELL_SIMULATE_S", "0"))
SEEDS = 300
_CHUNK = 50
ROOT = Path(__file__).parents[2]


def play(first: int) -> tuple[Counter[str], list[str]]:
    """Simulate a chunk of seeds; return the counts and the report of each failed seed."""
    totals, failed = Counter({"seeds": _CHUNK}), []
    for seed in range(first, first + _CHUNK):
        report = simulate(seed)
        totals.update(report.counts)
        if report.failure:
            failed.append(str(report))
    return totals, failed


def chunks() -> Iterator[int]:
    """Yield the first seed of each chunk: a fixed number of them, or until time is up."""
    if not SECONDS:
        yield from range(0, SEEDS, _CHUNK)
        return
    base, until = SystemRandom().randrange(2**32), time.monotonic() + SECONDS
    for number in count():
        if time.monotonic() > until:
            return
        yield base + number * _CHUNK


@pytest.mark.timeout(SECONDS * 2 + 180)
def test_the_invariants_hold_in_every_world() -> None:
    if SEED is not None:
        report = simulate(int(SEED))
        print(report)
        assert report.failure is None
        return
    started, totals = time.monotonic(), Counter[str]()
    with get_context("spawn").Pool(2) as pool:
        # Chunks are requested one by one as results arrive, so that the time limit can end them.
        waiting = iter(chunks())
        playing = [pool.apply_async(play, (first,)) for first in islice(waiting, 4)]
        while playing:
            counted, failed = playing.pop(0).get()
            assert not failed, f"{len(failed)} seeds failed, the first:\n{failed[0]}"
            totals.update(counted)
            playing += [pool.apply_async(play, (first,)) for first in islice(waiting, 1)]
    per_s = totals["seeds"] / (time.monotonic() - started)
    print(f"{totals['seeds']} seeds, {per_s:.0f} seeds/s: {dict(sorted(totals.items()))}")
    for met in (
        "crash", "refused", "detached", "unknown", "interruptions", "effects", "Gone", "Unavailable", "RunLost",
        "NotPaused", "RunIsOver", "NotWaiting", "TryNow", "GiveUp", "SkipStep", "ChangeData", "HoldRun", "ReleaseRun",
        "running", "paused", "completed", "failed", "cancelled", "terminated",
    ):  # fmt: skip
        assert totals[met] > 0, f"no {met} in any world"


def test_a_seed_produces_the_same_world_in_every_process() -> None:
    program = (
        "from tests.simulation.simulate import simulate\n"
        "for seed in range(40, 60): print(simulate(seed))"
    )
    elsewhere = (  # with different clocks and object addresses, and without threads
        "import itertools, threading, time\n"
        "time.monotonic = time.perf_counter = time.process_time = time.thread_time ="
        " itertools.count().__next__\n"
        "del threading.Thread.start\n"
        "from app.execution.live.live_run import LiveRun\n"
        "LiveRun.__hash__ = lambda live: -id(live)\n"
    )
    reported = [
        subprocess.run(
            [sys.executable, "-c", first + program],
            cwd=ROOT, env={"PYTHONPATH": ".", "PYTHONHASHSEED": hash_seed}, check=True, capture_output=True,
        ).stdout
        for hash_seed, first in (("1", ""), ("2", elsewhere))
    ]  # fmt: skip
    assert reported[0] == reported[1]
    assert b"STEPWELL_SEED=59" in reported[0]
    assert simulate(40).trace != simulate(41).trace


def test_a_report_contains_the_trace_and_the_command_to_repeat_it() -> None:
    report = Report(7, ["    0.000 server: life 1 begins"], AssertionError("it broke"))
    assert str(report).endswith("STEPWELL_SEED=7: AssertionError('it broke')")
