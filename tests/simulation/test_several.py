"""Worlds with several processes on one disk: lost notifications, ended sessions, moved shards.

`STEPWELL_SEED=n` simulates one world with three processes and prints its trace.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

import pytest

from app.execution.live.cluster import Cluster
from app.execution.recovery.recovery import Recovery
from tests.simulation.simulate import simulate
from tests.simulation.workflows import stored

SEED = os.environ.get("STEPWELL_SEED")
SECONDS = float(os.environ.get("STEPWELL_SIMULATE_S", "0"))
SEEDS = 24
_CHUNK = 6
_BROKEN_SEEDS = 60


def play(first: int) -> tuple[Counter[str], list[str]]:
    """Simulate several seeds, with two and three processes in turn."""
    totals, failed = Counter[str](), []
    for seed in range(first, first + _CHUNK):
        report = simulate(seed, 2 + seed % 2)
        totals.update({"seeds": 1, **report.counts})
        if report.failure:
            failed.append(str(report))
    return totals, failed


@pytest.mark.timeout(SECONDS * 2 + 120)
def test_the_invariants_hold_with_several_processes() -> None:
    if SEED is not None:
        report = simulate(int(SEED), 3)
        print(report)
        assert report.failure is None
        return
    until, totals, first = time.monotonic() + SECONDS, Counter[str](), 0
    with get_context("spawn").Pool(2) as pool:
        while first < SEEDS or time.monotonic() < until:
            chunks = range(first, first + 4 * _CHUNK, _CHUNK)
            for counted, failed in pool.map(play, chunks, chunksize=1):
                assert not failed, f"{len(failed)} seeds failed, the first:\n{failed[0]}"
                totals.update(counted)
            first = chunks.stop
    print(dict(sorted(totals.items())))
    for met in ("crash", "moves", "interruptions", "effects", "paused", "completed", "cancelled"):
        assert totals[met] > 0, f"no {met} in any world"


Break = Callable[[pytest.MonkeyPatch], None]


def leaves_no_wake(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> int:
        return 0

    patch.setattr(Cluster, "_heed_some", nothing)
    patch.setattr(Recovery, "_sweep", nothing)


def takes_nothing_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recovery, "gained", lambda *_: None)
    leaves_no_wake(patch)


def tries_a_command_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("app.execution.commands.fenced._MOST_TRIES", 0)


def tells_no_parent_elsewhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Cluster, "ask_owner", lambda *_: None)


VIOLATIONS: dict[Break, str] = {
    leaves_no_wake: "no rest after",
    takes_nothing_over: "no rest after",
    tries_a_command_once: "Conflict",
    tells_no_parent_elsewhere: "no rest after",
}
"""The violation that each patch must cause."""


@pytest.mark.parametrize("breaks", VIOLATIONS)
def test_a_broken_process_is_detected(breaks: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    stored()  # by an intact server
    breaks(monkeypatch)
    seen: list[Any] = []
    for seed in range(_BROKEN_SEEDS):
        failure = simulate(seed, 3).failure
        if failure is not None and VIOLATIONS[breaks] in repr(failure):
            print(f"{breaks.__name__}: seed {seed}: {failure!r}")
            return
        seen += [failure] if failure else []
    pytest.fail(f"no world shows {VIOLATIONS[breaks]!r}: {seen[:3]}")
