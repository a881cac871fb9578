"""How tests are distributed over several processes, and which begin first."""

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/console/", "tests/extending/")
"""Folders whose tests share a browser or an installed package, made once per process."""

FIRST = (*TOGETHER, "tests/examples/", "tests/simulation/", "tests/load/", "tests/crash/")
"""The longest tests begin first, so that all processes end at about the same time."""


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a scheduler that keeps a file, or a folder in TOGETHER, in one process."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _place
    return scheduler


def _place(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they begin."""

    def rank(item: pytest.Item) -> int:
        places = (at for at, folder in enumerate(FIRST) if item.nodeid.startswith(folder))
        return next(places, len(FIRST))

    return sorted(items, key=rank)
