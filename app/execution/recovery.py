"""Picks up what a restart, or an append with unknown outcome, left behind.

There is one way to carry a run on, and recovery only finds the runs for it: those that the
journal has inside a step and nobody drives. A run that cannot be picked up now is tried
again, never dropped. Only a run stands still whose history is not what was written, or whose
definition this server cannot use, which is so until its next start.

A step that was running when the process ended may be why it did. One that has been cut off
before is a suspect: the server serves first, and then suspects are put on trial (`trials.py`).
"""

import asyncio

from app.definitions.versioned import DefinitionUnusable
from app.execution.left_children import LeftChildren
from app.execution.lost_runs import LostRuns
from app.execution.runs import Runs
from app.execution.trials import Trials
from app.telemetry import log
from journal import UNREADABLE, Journal, UnknownRun

_AT_ONCE = 100
_PAUSE_S = 1.0


class Recovery:
    """Finds runs that nobody drives."""

    def __init__(
        self,
        journal: Journal,
        runs: Runs,
        left_children: LeftChildren,
        lost_runs: LostRuns,
        trials: Trials,
    ) -> None:
        self._journal = journal
        self._runs = runs
        self._left_children = left_children
        self._lost_runs = lost_runs
        self._trials = trials
        self.is_done = False
        """True once every run that a restart left behind has been looked at."""

    async def run(self) -> None:
        """Pick up what the restart left, then whatever is lost later, until cancelled."""
        self._trials.begin()
        while not self.is_done:
            try:
                suspects = [suspect.run_id for suspect in await self._journal.runs.suspects()]
                left_behind = await self._journal.runs.unfinished()
                left_behind = [one for one in left_behind if one not in set(suspects)]
                await self._left_children.after_restart()
                left_behind += await self._journal.children.parents_to_look()
                await self._pick_up(left_behind, after_restart=True)
                self._trials.wait_for_one(suspects)
                self.is_done = True
                log.recovered(len(left_behind))
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                log.recovery_delayed(failure)
                await asyncio.sleep(_PAUSE_S)
        while True:
            await asyncio.sleep(_PAUSE_S)
            if run_id := self._trials.next():
                await self._pick_up([run_id], after_restart=True)
            await self._left_children.sweep()
            lost = self._lost_runs.take()
            await self._pick_up(sorted(lost))
            self._left_children.left |= lost  # the append that was lost may have left a step

    async def _pick_up(self, run_ids: list[str], *, after_restart: bool = False) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(run_id: str) -> None:
            async with gate:
                try:
                    await self._runs.recover(run_id, after_restart=after_restart)
                except UnknownRun:
                    pass  # its start never reached the disk, and nobody was told of it
                except UNREADABLE as unreadable:
                    log.run_stands_still(run_id, unreadable)
                except DefinitionUnusable as unusable:
                    log.run_stuck(run_id, unusable)
                except Exception as failure:  # noqa: BLE001 - tried again, and logged
                    log.run_not_recovered(run_id, failure)
                    self._lost_runs.add(run_id)

        await asyncio.gather(*(one(run_id) for run_id in run_ids))
