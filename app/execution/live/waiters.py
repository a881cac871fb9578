"""Requests that wait for a run to end or to pause."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from app.execution.live.live_run import LiveRun, RunLost
from engine import ENDS, Event, Run, RunPaused, Status

SETTLES = ENDS | {RunPaused}
"""Events after which a request stops waiting."""


def is_settled(run: Run) -> bool:
    """Return whether the run has ended or is paused, so that a request need not wait any longer."""
    return run.status is not Status.RUNNING


class Waiters:
    """Wakes the requests that wait for a run, once the state they wait for is durable."""

    def __init__(self) -> None:
        self._by_run: defaultdict[str, set[asyncio.Future[Run]]] = defaultdict(set)
        self._closed = False

    def expect(self, run_id: str) -> asyncio.Future[Run]:
        """Return a future for the run's end or pause; call this before the run is driven."""
        future: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.cancel()
            return future
        self._by_run[run_id].add(future)
        future.add_done_callback(partial(self._forget, run_id))
        return future

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._by_run

    def waited_for(self) -> list[str]:
        """Return the runs for which requests wait."""
        return list(self._by_run)

    def resolve(self, run: Run) -> None:
        """Wake the requests that wait for this run, if it has ended or paused."""
        if run.id not in self._by_run or not is_settled(run):
            return
        shown = run if run.is_over else run.copy()
        for future in tuple(self._by_run[run.id]):
            if not future.done():
                future.set_result(shown)

    def appended(self, live: LiveRun, _: Sequence[Event]) -> None:
        """Wake the requests that wait for a run whose end or pause has become durable.

        If it waits for a signal that may be stored already, `waits` wakes them instead.
        """
        if live.run.awaited_signal is None:
            self.resolve(live.run)

    def waits(self, live: LiveRun) -> None:
        """Wake the requests for a run that waits for a signal that has not been sent yet.

        If the run has continued meanwhile, the append that is under way wakes them.
        """
        if live.is_durable:
            self.resolve(live.run)

    def lost(self, live: LiveRun) -> None:
        """Notify the requests that wait for a run: it is unknown whether anything was stored."""
        if live.head is None:
            for future in tuple(self._by_run.get(live.run.id, ())):
                if not future.done():
                    future.set_exception(RunLost(live.run.id, live.lost_by))

    def close(self) -> None:
        """End all waiting: the server is stopping."""
        self._closed = True
        for futures in tuple(self._by_run.values()):
            for future in tuple(futures):
                future.cancel()

    def _forget(self, run_id: str, future: asyncio.Future[Run]) -> None:
        self._by_run[run_id].discard(future)
        if not self._by_run[run_id]:
            del self._by_run[run_id]
