"""Which tests of several processes stay together, and which begin first."""

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/console/", "tests/extending/")
"""Folders with a browser, or an installed package, that is made once a process."""

FIRST = (*TOGETHER, "tests/examples/", "tests/simulation/", "tests/load/", "tests/crash/")
"""What takes longest begins first, so that no process ends long after the others."""


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return what gives a process the tests of a file, where its servers are, or of a folder."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _place
    return scheduler


def _place(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they are to begin."""

    def rank(item: pytest.Item) -> int:
        places = (at for at, folder in enumerate(FIRST) if item.nodeid.startswith(folder))
        return next(places, len(FIRST))

    return sorted(items, key=rank)
