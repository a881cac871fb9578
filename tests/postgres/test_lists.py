"""Search by titles and the order of runs, in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from itertools import pairwise
from pathlib import Path

import pytest

from journal import Journal, RunFilter, RunPosition
from tests.contract.runs.test_captions import orders, test_runs_are_found_by_title_and_label
from tests.contract.runs.test_data_search import (
    test_runs_are_found_by_their_input_data,
)
from tests.harness.journals import completed, fill


@pytest.mark.parametrize("top_level", [False, True], ids=["by list", "by search"])
async def test_pages_are_in_the_order_of_starts(tmp_path: Path, *, top_level: bool) -> None:
    """A join has no order in PostgreSQL: pages without an explicit one would repeat runs."""
    journal = await Journal.open(tmp_path)
    await fill(
        journal, "acme", lambda number: completed(number, at_ms=number // 2 + 1), range(1, 91)
    )
    found: list[RunPosition] = []
    wanted = RunFilter(top_level=top_level)
    while True:
        page = await journal.search.page("acme", wanted, 7)
        found += [row.place() for row in page.rows]
        if page.following is None:
            break
        assert page.following == found[-1]
        wanted = RunFilter(top_level=top_level, before=page.following)
    assert len(found) == 90
    assert all(earlier > later for earlier, later in pairwise(found))
    deletable = await journal.selection.deletable("acme", RunFilter(), None, 40)
    assert deletable == found[:40]
    await journal.close()
