"""Stops the child runs that their parent has left, at once or at the next sweep."""

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping, Sequence

from app.execution.commands.runs import Runs
from app.execution.live.live_run import LiveRun
from app.telemetry import log
from engine import (
    ENDS,
    AttemptFailed,
    ChildrenLeft,
    Event,
    RunCancelled,
    RunTerminated,
    StepCancelled,
    StepFailed,
)
from journal import UNREADABLE, Journal, UnknownRun

_LEAVE = frozenset(
    {ChildrenLeft, StepCancelled, StepFailed, AttemptFailed, RunCancelled, RunTerminated}
)
"""Events after which child runs of the run are to stop."""

LEAVES_CHILDREN = _LEAVE | ENDS

_AT_ONCE = 100


class LeftChildren:
    """Stops the child runs of every run that no longer waits for them."""

    def __init__(self, journal: Journal, runs: Runs) -> None:
        self._journal = journal
        self._runs = runs
        self._sweeping: set[asyncio.Task[None]] = set()
        self._asked: dict[str, set[str]] = {}  # by parent, those of its open children
        self._spared: dict[str, bool] = {}
        self.left: set[str] = set()
        """Runs that have left a step whose child runs may still be open."""

    def appended(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Stop the children of a run that has left the step that started them."""
        if self._asked and live.run.is_over:
            self._asked.pop(live.run.id, None)
        left = not _LEAVE.isdisjoint(map(type, events))
        if left and (live.may_have_children or any(visit.children for visit in live.run.history)):
            self.leave(live.run.id)

    def leave(self, run_id: str) -> None:
        """Stop the children that a run no longer waits for, in the background."""
        self.left.add(run_id)
        self._begin(self.sweep())

    def spare(self, parent_id: str, run_ids: Sequence[str], go_on: bool) -> None:
        """Stop all open child runs of a run because enough have completed, or let them continue.

        Each is asked once, however often the parent looks. This happens in the background; what
        cannot be done now is done by the next sweep.
        """
        before = self._asked.get(parent_id, set())
        self._asked[parent_id] = {*run_ids}
        if news := [run_id for run_id in run_ids if run_id not in before]:
            self._begin(self._spare(dict.fromkeys(news, go_on)))

    async def _spare(self, spared: Mapping[str, bool]) -> None:
        try:
            await self.stop([(run_id, False) for run_id, go_on in spared.items() if not go_on])
            for run_id in (run_id for run_id, go_on in spared.items() if go_on):
                await self._let_go(run_id)
        except Exception as failure:  # noqa: BLE001 - tried again, and logged
            log.children_not_stopped(next(iter(spared)), failure)
            self._spared.update(spared)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._sweeping.add(task)
        task.add_done_callback(self._sweeping.discard)

    async def sweep(self) -> None:
        """Stop the children of every run in `left`; runs for which that fails stay in it."""
        spared, self._spared = self._spared, {}
        if spared:
            await self._spare(spared)
        left, self.left = self.left, set()
        for run_id in sorted(left):
            try:
                await self.stop(await self._journal.children.left_behind(run_id))
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                log.children_not_stopped(run_id, failure)
                self.left.add(run_id)

    async def stop(self, children: Sequence[tuple[str, bool]]) -> None:
        """Stop child runs, several at a time; each comes with whether its parent was terminated."""
        for at in range(0, len(children), _AT_ONCE):
            some = children[at : at + _AT_ONCE]
            await asyncio.gather(*(self._stop(*one) for one in some))

    async def _stop(self, run_id: str, terminated: bool) -> None:
        await self._tell(run_id, self._runs.stop(run_id, terminate=terminated))

    async def _let_go(self, run_id: str) -> None:
        await self._tell(run_id, self._runs.detach(run_id))

    async def _tell(self, run_id: str, stopping: Awaitable[None]) -> None:
        try:
            await stopping
        except UnknownRun:
            return
        except UNREADABLE as unreadable:
            log.run_stands_still(run_id, unreadable)
