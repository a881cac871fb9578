"""How tests are distributed over several processes, and which begin first."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parents[1]

TOGETHER = {"tests/console/": 3, "tests/extending/": 1}
"""Folders whose tests share a browser or an installed package, made once per process.

Each is divided into this many parts, which can be in different processes. The console, a third of
all the work, would otherwise be the last to end, beside processes that have nothing left to do.
"""

FIRST = (*TOGETHER, "tests/examples/", "tests/simulation/", "tests/load/", "tests/crash/")
"""The longest tests begin first, so that all processes end at about the same time."""


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a scheduler that keeps a file, or a part of a folder in TOGETHER, in one process."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _place
    return scheduler


def _place(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    for folder, parts in TOGETHER.items():
        if file.startswith(folder):
            return f"{folder}{crc32(file.encode()) % parts}"
    return file


def begin_elsewhere(config: pytest.Config) -> None:
    """Let each process begin to collect at another folder, if all tests are to be collected.

    Pytest rewrites a test file that it meets for the first time, which takes longer than anything
    else about collecting, and stores the result. So each process finds most files rewritten.
    """
    given: Any = getattr(config, "workerinput", None)
    if given is None or [Path(arg).resolve() for arg in config.args] != [TESTS]:
        return
    folders = sorted(str(folder) for folder in TESTS.iterdir() if any(folder.rglob("test_*.py")))
    number, processes = int(given["workerid"].removeprefix("gw")), given["workercount"]
    at = number * len(folders) // processes
    config.args = [*folders[at:], *folders[:at]]


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other processes out, so that each finds what those before it have stored.

    Hypothesis reads all sources once the tests are collected, and stores the constants in them.
    """
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they begin, the same in every process."""

    def place(item: pytest.Item) -> tuple[int, str]:
        file = item.nodeid.partition("::")[0]
        ranks = (at for at, folder in enumerate(FIRST) if file.startswith(folder))
        return next(ranks, len(FIRST)), file

    return sorted(items, key=place)
