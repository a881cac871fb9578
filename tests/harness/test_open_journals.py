"""A test that fails before it closes its journal does not keep its process from ending."""

import threading
from pathlib import Path

import pytest

from tests.harness.appending import opened


@pytest.mark.data_folder
async def test_no_thread_of_an_open_journal_outlives_the_tests(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    async with opened(tmp_path):
        left = [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
        assert [thread for thread in left if not thread.name.startswith("asyncio_")] == []
