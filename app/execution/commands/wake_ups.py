"""What makes the server go on with a run that nobody asks about.

That is a timer that is due, a restart, an append of another process, or the end of child runs that
take the process down. Each only says what has happened; `driving` carries the run on.
"""

from collections.abc import Callable

from app.clock import Clock
from app.execution.answering.answers import unanswered
from app.execution.driving.driving import Driving
from app.execution.driving.stopping import Stopping
from app.execution.live.live_run import LiveRun
from app.execution.live.live_runs import LiveRuns
from app.execution.live.waiters import Waiters, is_settled
from app.execution.waking.notices import planned
from engine import Broke, Input, StepError, TimerDue


class WakeUps:
    """Goes on with runs for the server's own reasons.

    Attributes:
        on_fire: Called with a run whose timer was due, after that has been handled.
    """

    def __init__(
        self,
        clock: Clock,
        live_runs: LiveRuns,
        driving: Driving,
        waiters: Waiters,
        stopping: Stopping,
    ) -> None:
        self.on_fire: list[Callable[[LiveRun], None]] = []
        self._clock = clock
        self._live_runs = live_runs
        self._driving = driving
        self._waiters = waiters
        self._stopping = stopping

    async def fire(self, run_id: str) -> None:
        """Look at a run whose timer is due."""

        def due(live: LiveRun) -> Input:
            now_ms = self._clock.now_ms()
            late = unanswered(live, now_ms) or planned(live, now_ms)
            return late or TimerDue(grace_ms)

        async with self._live_runs.load(None, run_id) as live:
            grace_ms = await self._stopping.grace_ms(live)
            await self._driving.wake(run_id, due)
            for heard in self.on_fire:
                heard(live)
            if live.run.overdue:
                self._stopping.ask_step(live)

    async def recover(self, run_id: str, *, after_restart: bool = False) -> None:
        """Continue a run that a restart, or an append with unknown outcome, left behind.

        That append may be durable without notice to its waiters and parent, so they are notified
        now.
        """
        await self._driving.wake(run_id, None, after_restart=after_restart)
        going_on = self._live_runs.peek(run_id)
        if going_on is not None and not is_settled(going_on.run):
            return  # it is under way, and wakes its waiters later
        async with self._live_runs.load(None, run_id) as live, live.lock:
            run = live.run
            if live.pending or live.lost:
                return  # notified once that is durable, or after the next reading
            self._waiters.resolve(run)
            if run.parent and is_settled(run):
                self._driving.notify(run.parent.run_id)

    async def give_up_children(self, run_id: str, execution: int, error: StepError) -> None:
        """Fail a step that waits for child runs, if the run is still in that step execution.

        Raises as `recover`.
        """
        async with self._live_runs.load(None, run_id) as live:
            if live.run.executions == execution and not live.run.is_stopping:
                grace_ms = await self._stopping.grace_ms(live)
                await self._driving.wake(run_id, Broke(error, grace_ms))

    async def heed(self, run_id: str, seq: int) -> None:
        """Continue a run from where another process left it; never raises."""
        await self._driving.heed_or_log(run_id, seq, self._stopping.grace_s)
