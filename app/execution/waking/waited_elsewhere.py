"""Requests that wait here for runs that another process drives."""

import asyncio
import contextlib

from app.concurrency.until_set import until_set
from app.execution.live.cluster import Cluster
from app.execution.live.live_runs import LiveRuns
from app.execution.live.waiters import Waiters
from app.telemetry import log
from journal import RUN, UNREADABLE, Journal, JournalError, UnknownRun

_LOOK_EVERY_S = 1.0
"""How many seconds a request may wait too long if a ring was lost."""

_PACE_S = 0.01


class WaitedElsewhere:
    """Wakes waiting requests when the bell rings, or after looking at the list of runs."""

    def __init__(
        self, journal: Journal, live_runs: LiveRuns, waiters: Waiters, cluster: Cluster
    ) -> None:
        self._journal = journal
        self._live_runs = live_runs
        self._waiters = waiters
        self._news = asyncio.Event()
        cluster.bell.heard.setdefault(RUN, []).append(self._heard)

    def _heard(self, name: str) -> None:
        if name.rpartition("/")[2] in self._waiters:
            self._news.set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await until_set(self._news, _LOOK_EVERY_S)
            self._news.clear()
            try:
                await self._look()
            except JournalError as failure:
                log.wakes_delayed(failure)
            await asyncio.sleep(_PACE_S)

    async def _look(self) -> None:
        run_ids = [one for one in self._waiters.waited_for() if self._live_runs.peek(one) is None]
        if not run_ids:
            return
        for run_id in await self._journal.runs.settled(run_ids):
            with contextlib.suppress(UnknownRun, *UNREADABLE):
                _, run = await self._journal.events.run(run_id)
                self._waiters.resolve(run)
