"""The scheduler: wakes runs whose retry, sleep or deadline is due.

What is due is read from the journal and not kept in memory, so neither a restart nor a jump of the
clock makes it miss a timer. A timer may fire late but is never lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from app.clock import Clock
from app.concurrency.until_set import until_set
from app.definitions.versioned import DefinitionUnusable
from app.execution.live.live_run import LiveRun
from app.telemetry import log
from engine import (
    AttemptFailed,
    ChildrenAwaited,
    ChildrenLeft,
    Event,
    PauseChanged,
    RunAdmitted,
    RunPaused,
    RunReleased,
    RunStarted,
    StepSlept,
)
from journal import UNREADABLE, Journal, JournalError

_LONGEST_SLEEP_MS = 1_000
"""How long a jump of the wall clock may go unnoticed, in milliseconds."""

_BATCH = 200

SETS_TIMER = frozenset(
    {
        RunStarted,
        RunAdmitted,
        AttemptFailed,
        ChildrenAwaited,
        ChildrenLeft,
        RunPaused,
        RunReleased,
        PauseChanged,
        StepSlept,
    }
)
"""Events that may set the timer of a run, or its deadline."""


class Timers:
    """Sleeps until the next timer is due, fires it, and looks again.

    Attributes:
        owns: Says whether this process fires the timer of a run; None if there is no other process.
    """

    def __init__(
        self, journal: Journal, clock: Clock, fire: Callable[[str], Awaitable[None]]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._fire = fire
        self.owns: Callable[[str], bool] | None = None
        self._next_ms: int | None = None
        self._still: set[str] = set()
        """Runs whose timer cannot be fired before the next start."""
        self._earlier = asyncio.Event()
        self._was_set_back = False

    def appended(self, live: LiveRun, _: Sequence[Event]) -> None:
        """Record the time for which a run has set its timer."""
        at_ms = live.run.due_at_ms
        if at_ms is None:
            return
        if self._next_ms is None or at_ms < self._next_ms:
            self._next_ms = at_ms
            self._earlier.set()

    def forget(self, _: frozenset[int]) -> None:
        """Try again the timers that could not be fired, because this process has gained shards."""
        self._still.clear()
        self._earlier.set()

    async def set_back(self) -> None:
        """Make the retries now that were put off by a clock which was ahead."""
        self._was_set_back = True
        self._earlier.set()

    async def run(self) -> None:
        """Fire timers until cancelled."""
        while True:
            try:
                now_ms = self._clock.now_ms()
                if self._was_set_back:
                    await self._fire_put_off(now_ms)
                await self._fire_due(now_ms)
                self._next_ms = await self._journal.runs.next_due_ms(now_ms)
            except JournalError as failure:
                log.timers_delayed(failure)
                await asyncio.sleep(_LONGEST_SLEEP_MS / 1000)
            await self._sleep()

    async def _fire_due(self, now_ms: int) -> None:
        """Fire all timers that are due; those that fail do not delay the others."""
        self._earlier.clear()
        self._next_ms = None
        after = (-1, -1)
        while page := await self._journal.runs.due(now_ms, after, _BATCH):
            await self._fire_all([run_id for _, _, run_id in page])
            after = page[-1][:2]

    async def _fire_put_off(self, now_ms: int) -> None:
        """Look at all retries that are due later; those of a clock that was ahead are made now."""
        after = (now_ms, -1)
        while page := await self._journal.runs.backing_off(after, _BATCH):
            await self._fire_all([run_id for _, _, run_id in page])
            after = page[-1][:2]
        self._was_set_back = False

    async def _fire_all(self, due: list[str]) -> None:
        due = [run_id for run_id in due if run_id not in self._still]
        if self.owns is not None:
            due = [run_id for run_id in due if self.owns(run_id)]
        results = await asyncio.gather(
            *(self._fire(run_id) for run_id in due), return_exceptions=True
        )
        for run_id, result in zip(due, results, strict=True):
            if isinstance(result, UNREADABLE):
                self._still.add(run_id)
                log.run_stands_still(run_id, result)
            elif isinstance(result, DefinitionUnusable):
                self._still.add(run_id)
                log.run_stuck(run_id, result)
            elif isinstance(result, BaseException):
                log.timer_failed(run_id, result)

    async def _sleep(self) -> None:
        wait_ms = _LONGEST_SLEEP_MS
        if self._next_ms is not None:
            wait_ms = max(2, min(wait_ms, self._next_ms - self._clock.now_ms()))
        await until_set(self._earlier, wait_ms / 1000)
