"""Upkeep between two transactions makes no trip to the writer's thread while the disk is fast."""

from pathlib import Path
from typing import Any

import pytest

from journal.sqlite.checkpoints import Checkpoints
from journal.sqlite.database import WritingConnection, create, open_writer


@pytest.mark.parametrize(("is_short", "trips"), [(True, 0), (False, 3)])
async def test_a_checkpoint_is_made_where_transactions_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_short: bool, trips: int
) -> None:
    create(tmp_path / "journal.sqlite3")
    writing = await open_writer(tmp_path / "journal.sqlite3", "FULL")
    made = 0
    execute: Any = WritingConnection._execute

    async def counted(self: WritingConnection, *call: Any) -> Any:
        nonlocal made
        made += 1
        return await execute(self, *call)

    monkeypatch.setattr(WritingConnection, "_execute", counted)
    writing._pace.is_short = is_short
    try:
        assert await Checkpoints(tmp_path / "journal.sqlite3").make(writing) is None
        assert made == trips
    finally:
        await writing.close()
