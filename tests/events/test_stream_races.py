"""Race conditions of a run's event stream that a real reader would rarely meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.concurrency.fair_loop import FairLoop
from app.events.deltas import Deltas
from app.events.hub import Hub
from app.events.streams import Streams
from engine import Event, StepRecorded, fold
from journal import EventRow, Journal
from tests.harness.histories import append_events
from tests.harness.journals import completed, write

RUN = "dynamic-workflow-1"


class Pages:
    """The journal pages of one run, with events appended right before a given call."""

    def __init__(self, journal: Journal, *, before: str, append: list[Event]) -> None:
        self._journal, self._before, self._append = journal, before, append
        self._number = 0

    async def of_run(self, run: str, after_seq: int, limit: int) -> list[EventRow]:
        await self._now("of_run")
        return await self._journal.pages.of_run(run, after_seq, limit)

    async def has_ended(self, tenant: str, run: str) -> bool:
        await self._now("has_ended")
        return await self._journal.pages.has_ended(tenant, run)

    async def _now(self, moment: str) -> None:
        if moment != self._before or not self._append:
            return
        head, run = await self._journal.events.run(RUN)
        if isinstance(self._append[0], StepRecorded):
            self._number += 1
            events: list[Event] = [StepRecorded(1, "a", 1, f"{self._number}", None)]
        else:
            events, self._append = self._append, []
        await append_events(self._journal, head, events, fold(events, run))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal.pages, name)


@asynccontextmanager
async def streamed(folder: Path, **when: Any) -> AsyncIterator[Streams]:
    """Return streams over the journal of one run that is in its step."""
    journal = await Journal.open(folder)
    await write(journal, "acme", completed(1)[:2])
    pages: Any = Pages(journal, **when)
    yield Streams(pages, Hub(), Deltas(), 1, 0.05, FairLoop())
    await journal.close()


async def test_a_run_that_ends_during_the_check_is_streamed_to_its_end(
    tmp_path: Path,
) -> None:
    rest = completed(1)[2:]
    async with streamed(tmp_path, before="has_ended", append=rest) as streams:
        text = "".join([part async for part in streams.of_run("acme", RUN, 0, lambda: True)])
    assert text.count("event: ") == 4
    assert "event: run.completed" in text


async def test_a_reader_without_permission_is_disconnected_even_while_events_keep_arriving(
    tmp_path: Path,
) -> None:
    more: list[Event] = [StepRecorded(1, "a", 1, "1", None)]
    async with streamed(tmp_path, before="of_run", append=more) as streams:
        parts: list[str] = []
        async for part in streams.of_run("acme", RUN, 0, lambda: len(parts) < 5):
            parts.append(part)
            assert len(parts) < 50
    assert len(parts) >= 5
