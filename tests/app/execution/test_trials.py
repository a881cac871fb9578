"""Suspect runs are tried one at a time, and the mark file names the one on trial."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.execution.driving.culprit import FILE, Culprit
from app.execution.recovery.trials import Trials


class Attempts:
    """Stands in for the driven runs: how often each attempt was interrupted."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts

    def interruptions_of(self, run_id: str) -> int:
        return self.counts.get(run_id, 0)


def marked(folder: Path) -> str | None:
    file = folder / FILE
    return str(json.loads(file.read_text())["run"]) if file.exists() else None


def begun(folder: Path, attempts: Any, *suspects: str) -> Trials:
    families: Any = None  # a start looks at them by itself
    trials = Trials(attempts, Culprit(folder, 5), families)
    trials.begin()
    trials.wait_for_one(list(suspects))
    return trials


async def test_the_next_waits_for_the_end_of_an_attempt(tmp_path: Path) -> None:
    attempts = Attempts(a=2, b=2)
    trials = begun(tmp_path, attempts, "a", "b")
    assert (trials.next(), trials.next(), marked(tmp_path)) == ("a", None, "a")
    attempts.counts["a"] = 0
    assert (trials.next(), marked(tmp_path)) == ("b", "b")
    attempts.counts["b"] = 0
    assert (trials.next(), marked(tmp_path)) == (None, None)


@pytest.mark.parametrize(("count", "next_one"), [(3, "b"), (4, None)])
async def test_a_trial_times_out_unless_it_is_the_last_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, next_one: str | None
) -> None:
    trials = begun(tmp_path, Attempts(a=count), "a", "b")
    assert trials.next() == "a"
    loop = asyncio.get_running_loop()
    now_s = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now_s + 60)
    assert trials.next() == next_one
