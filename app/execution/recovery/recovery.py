"""Picks up the runs that a restart, or an append with unknown outcome, left behind.

There is one way to carry a run on, and recovery only finds the runs for it: those that are inside a
step according to the journal and are not driven. A run that cannot be picked up now is tried again
and never dropped. There are two exceptions, which wait for the next start: a run whose history is
not what was written, and one whose definition this server cannot use.

The server takes requests meanwhile. Tenants take turns, a run that somebody asks about comes first,
and the number in memory is limited to leave room for new runs (`backlog.py`).

A step that was running when the process ended may be the cause. A step that has been cut off before
is a suspect: suspects wait until the server is serving, and are then put on trial (`trials.py`).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from app.concurrency.until_set import until_set
from app.definitions.versioned import DefinitionUnusable
from app.execution.commands.wake_ups import WakeUps
from app.execution.live.cluster import Cluster
from app.execution.live.lost_runs import LostRuns
from app.execution.recovery.backlog import Backlog
from app.execution.recovery.left_children import LeftChildren
from app.execution.recovery.trials import Trials
from app.telemetry import log
from journal import (
    ALL_SHARDS,
    UNREADABLE,
    Journal,
    JournalError,
    Unavailable,
    UnknownRun,
    run_id,
    run_number,
    shard_of,
)

_AT_ONCE = 100
_PAGE = 5_000
_PAUSE_S = 1.0
_SWEEP_EVERY_S = 30.0
"""How often a process of a cluster looks for its runs that stopped by mistake, in seconds."""

_ROOM_S = 0.05
"""How many seconds until recovery looks again whether there is room for more runs."""


class Recovery:
    """Finds runs that are not driven but should be.

    Attributes:
        follow: Called with the newest run number on gaining shards.
        is_queued: True once it is known which runs a restart left behind.
        is_done: True once every one of them has been picked up.
    """

    def __init__(  # noqa: PLR0913 - the parts below it, each passed in
        self,
        journal: Journal,
        wake_ups: WakeUps,
        backlog: Backlog,
        left_children: LeftChildren,
        lost_runs: LostRuns,
        trials: Trials,
        cluster: Cluster | None = None,
    ) -> None:
        self.follow: Callable[[int], None] = lambda _: None
        self._cluster = cluster
        self._gained = set[int]()
        self._has_gained = asyncio.Event()
        self._journal = journal
        self._wake_ups = wake_ups
        self._left_children = left_children
        self._lost_runs = lost_runs
        self._backlog = backlog
        self._trials = trials
        self._suspects: list[str] = []
        self.is_queued = False
        self.is_done = False

    @property
    def waiting(self) -> int:
        """How many runs that a restart left behind are still to be picked up."""
        return len(self._backlog)

    def asked(self, tenant: str, run_id: str) -> None:
        """Pick a run up before others, since somebody asks about it."""
        self._backlog.urge(tenant, run_id)

    async def run(self) -> None:
        """Pick up the runs that the restart left, and lost runs, until cancelled."""
        if self._cluster is None:
            self._trials.begin()
            left = await self._looked(ALL_SHARDS)
        else:
            left = ()
        self.is_queued = True
        async with asyncio.TaskGroup() as tasks:
            if self._cluster is None:
                tasks.create_task(self._work_off(left))
            else:
                tasks.create_task(self._take_over(self._cluster))
            tasks.create_task(self._go_on())

    def gained(self, shards: frozenset[int]) -> None:
        """Look for what the previous owner has left in shards that this process has gained."""
        self._gained |= shards
        self._has_gained.set()

    async def _take_over(self, cluster: Cluster) -> None:
        """Pick up the runs left in gained shards, and from time to time runs that were missed."""
        while True:
            self.is_done = not self._gained
            await until_set(self._has_gained, _SWEEP_EVERY_S)
            self._has_gained.clear()
            gained, self._gained = frozenset(self._gained), set()
            if gained:
                with suppress(JournalError):
                    self.follow(await self._journal.runs.last_number())
                await self._work_off(await self._looked(gained))
            else:
                await self._sweep(cluster)

    async def _sweep(self, cluster: Cluster) -> None:
        """Resume runs that have stopped by mistake, and for which no wake was written."""
        after = 0
        with suppress(JournalError):
            while page := await self._journal.runs.unfinished(after, _PAGE):
                for name in (run_id(run.number) for run in page):
                    if cluster.begins(name) and not self._backlog.is_in_memory(name):
                        self._lost_runs.add(name)
                after = page[-1].number

    async def _looked(self, shards: frozenset[int]) -> Sequence[tuple[str, bool]]:
        while True:
            try:
                return await self._look(shards)
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                log.recovery_delayed(failure)
                await asyncio.sleep(_PAUSE_S)

    async def _look(self, shards: frozenset[int]) -> Sequence[tuple[str, bool]]:
        """Queue the runs left behind in shards; return children whose parents no longer wait."""
        if self._cluster is None:
            await self._trials.fail_families()
        suspects = [suspect.run_id for suspect in await self._journal.runs.suspects()]
        self._suspects = [one for one in suspects if shard_of(run_number(one)) in shards]
        left = await self._journal.children.left_behind()
        apart = {run_number(one) for one in (*self._suspects, *(child for child, _ in left))}
        after = 0
        while page := await self._journal.runs.unfinished(after, _PAGE):
            self._backlog.add(
                run for run in page if run.number not in apart and shard_of(run.number) in shards
            )
            after = page[-1].number
        for parent in await self._journal.children.parents_to_look():
            if shard_of(parent.number) in shards:
                self._backlog.add([parent])
            elif self._cluster is not None:
                # Its child may have ended without notice.
                self._cluster.ask_owner(run_id(parent.number))
        return left

    async def _work_off(self, left: Sequence[tuple[str, bool]]) -> None:
        count = len(self._backlog)
        await self._until_stopped(left)
        while self._backlog:
            part = self._backlog.part(_AT_ONCE)
            if part:
                await self._read_ahead(part)
                await self._pick_up(part, after_restart=True)
            else:
                self._try_suspects()
                await asyncio.sleep(_ROOM_S)
        self._try_suspects()
        self.is_done = True
        log.recovered(count)

    def _try_suspects(self) -> None:
        """Put the suspects on trial, after all other runs for which there is room."""
        suspects, self._suspects = self._suspects, []
        if suspects:
            self._trials.wait_for_one(suspects)

    async def _until_stopped(self, left: Sequence[tuple[str, bool]]) -> None:
        """Stop the children whose parents no longer wait, before any parent is driven."""
        while left:
            try:
                await self._left_children.stop(left)
                # A child that was already cleaning up is not asked to stop, and continues cleaning
                # up.
                cleaning = [child for child, _ in left if child not in self._suspects]
                await self._pick_up(cleaning, after_restart=True)
                left = ()
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                log.recovery_delayed(failure)
                await asyncio.sleep(_PAUSE_S)

    async def _read_ahead(self, run_ids: Sequence[str]) -> None:
        """Read several histories in one query; only a saving of time.

        Not in a cluster, where another process may append to them before they are used.
        """
        if self._cluster is not None:
            return
        with suppress(JournalError):
            await self._journal.events.read_ahead(run_ids)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_S)
            if run_id := self._trials.next():
                await self._pick_up([run_id], after_restart=True)
            await self._left_children.sweep()
            lost = self._lost_runs.take()
            await self._pick_up(sorted(lost))
            self._left_children.left |= lost  # the lost append may have left a step

    async def _pick_up(self, run_ids: Sequence[str], *, after_restart: bool = False) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(run_id: str) -> None:
            async with gate:
                try:
                    await self._wake_ups.recover(run_id, after_restart=after_restart)
                except UnknownRun:
                    pass  # its start was never stored, and no caller was told of it
                except UNREADABLE as unreadable:
                    log.run_stands_still(run_id, unreadable)
                except DefinitionUnusable as unusable:
                    log.run_stuck(run_id, unusable)
                except Exception as failure:  # noqa: BLE001 - tried again, and logged
                    # While nothing can be written, one line says so for all runs and tries.
                    if not (isinstance(failure, Unavailable) and self._journal.health.trouble):
                        log.run_not_recovered(run_id, failure)
                    self._lost_runs.add(run_id)

        await asyncio.gather(*(one(run_id) for run_id in run_ids))
