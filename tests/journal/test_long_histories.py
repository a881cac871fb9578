"""A long history is read and checked once, and later only what has been added to it."""

from pathlib import Path

import pytest

from engine import RunTerminated, apply, fold
from journal import Journal, UnknownRun
from journal.histories import events as histories
from journal.histories.proved import following
from tests.harness.histories import append_events, start_run
from tests.harness.journals import apart, paused


async def test_a_long_history_is_checked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = list[int]()

    def counted(run_id: str, row: tuple[object, ...], seq: int, before: bytes) -> object:
        checked.append(seq)
        return following(run_id, row, seq, before)

    monkeypatch.setattr(histories, "following", counted)
    monkeypatch.setattr(histories, "_LONG_TO_READ", 3)
    journal = await Journal.open(tmp_path)
    try:
        before = apart(paused)(1)
        run = fold(before)
        head = await start_run(journal, "acme", run, before)
        for _ in range(2):
            assert await journal.events.read(run.id, "acme") == (head, before)
        assert checked == [0, 1, 2]
        with pytest.raises(UnknownRun):
            await journal.events.read(run.id, "other")
        (await journal.events.read(run.id))[1].clear()  # whoever has read it may change the list
        over = RunTerminated(9, "enough")
        end = await append_events(journal, head, [over], apply(run, over))
        for _ in range(2):
            found, events = await journal.events.read(run.id, "acme")
            assert (found.seq, found.hash, events) == (4, end.hash, [*before, over])
        assert checked == [0, 1, 2, 3]
        await journal.removal.delete("acme", run.id, 10)
        with pytest.raises(UnknownRun):
            await journal.events.read(run.id, "acme")
    finally:
        await journal.close()
