"""Keeps track of the runs that are being driven, and starts driving a run when it has news."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from app.definitions.versioned import DefinitionUnusable
from app.execution.answering.interruption import CHOICES
from app.execution.driving.culprit import Culprit
from app.execution.driving.driver import Driver
from app.execution.live.appends import Appends
from app.execution.live.cluster import Cluster
from app.execution.live.live_run import LiveRun, RunLost
from app.execution.live.live_runs import LiveRuns
from app.execution.live.lost_runs import LostRuns
from app.telemetry import log
from engine import Event, Input, Interrupted, Run, State
from journal import UNREADABLE, Unavailable, UnknownRun, run_number, shard_of


class Driving:
    """The runs that are driven by this process."""

    def __init__(  # noqa: PLR0913 - the parts below it, each passed in
        self,
        appends: Appends,
        driver: Driver,
        live_runs: LiveRuns,
        lost_runs: LostRuns,
        culprit: Culprit,
        cluster: Cluster | None = None,
    ) -> None:
        self._cluster = cluster
        self._appends = appends
        self._driver = driver
        self._live_runs = live_runs
        self._lost_runs = lost_runs
        self._culprit = culprit
        self._driven: dict[LiveRun, None] = {}  # in the order in which they came
        self._context = copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notified: set[str] = set()
        self._rests = asyncio.Event()
        driver.ended = self._ended

    def appended(self, live: LiveRun, _: Sequence[Event]) -> None:
        """Carry on a run that a step has started, now that its start is durable."""
        if live.run.parent or live.run.starter:
            self.carry_on(live)

    def carry_on(self, live: LiveRun) -> None:
        """Drive the run from its current state."""
        live.is_notified = True
        if live.is_driven:
            self._driver.hurry(live)
        elif self._cluster is not None and not self._begins(live, self._cluster):
            pass
        elif not (live.run.is_over or live.lost):
            live.is_driven = True
            self._driven[live] = None
            # Run in the driver's own context, not in the caller's: when a step starts a child run,
            # the child's work is not part of that step.
            self._context.copy().run(self._driver.go_on, live)

    def _begins(self, live: LiveRun, cluster: Cluster) -> bool:
        """Return whether this process carries the run on; if not, notify the owner.

        If the run's shard is being given away, its next owner finds the run.
        """
        if not live.is_ours:
            return False  # the wake written with its append tells the owner
        if not cluster.owns(live.run.id):
            cluster.ask_owner(live.run.id)
            return False
        return cluster.begins(live.run.id)

    async def heed(self, run_id: str, seq: int, grace_s: float) -> None:
        """Go on from where another process left a run, or look at news of its child runs.

        `seq` comes from a wake. A step in flight that has been asked to stop gets `grace_s`
        seconds. Raises what `wake` raises.
        """
        async with self._live_runs.load(None, run_id) as live:
            if not live.is_ours:
                if self._cluster is not None:
                    self._cluster.ask_owner(run_id, seq)
                return
            async with live.lock:
                await self._appends.catch_up(live)
                run = live.run
                is_cut_off = run.state is State.EXECUTING and not live.is_driven
                if is_cut_off and seq == -run.seq:
                    self._appends.take(live, Interrupted(True, self._culprit.most, CHOICES))
                    await self._appends.append(live)
                elif is_cut_off and seq != run.seq:
                    return  # another process knows in what state it was left
            if live.in_flight and live.run.is_stopping:
                live.in_flight.stop(grace_s)
            self.carry_on(live)

    def leave(self, shards: Collection[int]) -> None:
        """Begin no more steps in the runs of these shards."""
        for live in self._driven:
            if shard_of(run_number(live.run.id)) in shards:
                live.is_leaving = True
                self._driver.hurry(live)

    def shards_under_way(self) -> set[int]:
        """Return the shards of the runs that are driven."""
        return {shard_of(run_number(live.run.id)) for live in self._driven}

    def come_back(self, shards: Collection[int]) -> None:
        """Keep driving the runs of shards that were to be given away but stay here."""
        for live in self._driven:
            if shard_of(run_number(live.run.id)) in shards:
                live.is_leaving = False

    def drop(self, shards: Collection[int]) -> None:
        """Drop the runs in memory whose shards belong to another process now."""
        for live in self._live_runs.all():
            if shard_of(run_number(live.run.id)) not in shards:
                continue
            if live.is_driven:
                live.is_leaving = True
                self._appends.lose(live)
                self._driver.hurry(live)
            self._live_runs.give_up(live)

    def go_on(self, live: LiveRun) -> Run:
        """Continue a run that a command has changed; return a copy of its state before that."""
        shown = live.run.copy()
        self.carry_on(live)
        return shown

    async def wake(
        self,
        run_id: str,
        happened: Input | Callable[[LiveRun], Input | None] | None,
        *,
        after_restart: bool = False,
    ) -> None:
        """Carry a run on, after reading it from the journal if it is not in memory.

        `happened` may be a function of the run's current state.

        If the run has an attempt that was cut off, the engine is told first; this counts against
        the step if the process ended during it. Raises what an append raises, and `UnknownRun`,
        `Corrupt` or `DefinitionUnusable`.
        """
        cluster = self._cluster
        if cluster is not None and not cluster.owns(run_id):
            if happened is None and not after_restart:
                cluster.ask_owner(run_id)
            return
        async with self._live_runs.load(None, run_id) as live:
            live.is_notified = True
            if live.is_driven and happened is None:
                self._driver.hurry(live)  # it looks again; a due timer passes its own input
                return
            async with live.lock:
                if live.is_driven and happened is None:
                    return
                if happened is None and live.run.state is State.EXECUTING:
                    left_at = 0
                    if cluster is not None:
                        left_at = await cluster.left_at(run_id, live.run.seq)
                    if left_at <= 0:  # otherwise the attempt has not begun
                        is_known = left_at < 0
                        happened = self._interrupted(
                            live.run, after_restart=after_restart and not is_known
                        )
                if callable(happened):
                    happened = happened(live)
                if happened:
                    self._appends.take(live, happened)
                await self._appends.append(live)
            self.carry_on(live)

    def _interrupted(self, run: Run, *, after_restart: bool) -> Interrupted:
        visit, most = run.current, self._culprit.most
        if visit is None or not after_restart:
            return Interrupted(True, most, CHOICES)
        count = visit.interruptions
        log.attempt_interrupted(run.id, visit.step_id, count, most)
        # In a cluster nobody knows why another process has ended, so each end counts.
        if self._cluster is not None:
            return Interrupted(False, self._culprit.bearable, CHOICES)
        is_blamed = self._culprit.is_blamed(run.id, count)
        return Interrupted(not is_blamed, self._culprit.bearable, CHOICES)

    def interruptions_of(self, run_id: str) -> int:
        """Return how often the run's current attempt has been cut off; 0 if it makes none."""
        live = self._live_runs.peek(run_id)
        if live is None or not live.is_driven or live.run.state is not State.EXECUTING:
            return 0
        return live.run.current.interruptions if live.run.current else 0

    def notify(self, run_id: str) -> None:
        """Make a run look at its child runs again, in the background."""
        live = self._live_runs.peek(run_id)
        if live and live.is_driven:
            self.carry_on(live)
        elif run_id not in self._notified:
            self._notified.add(run_id)
            task = asyncio.create_task(self._look(run_id))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background; stopping the server waits for it."""
        task = self._context.copy().run(asyncio.create_task, work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def stop(self) -> None:
        """Start no more steps: the server is stopping."""
        self._driver.stop()
        for live in self._driven:
            self._driver.hurry(live)

    async def close(self, grace_s: float) -> None:
        """Let steps in flight finish for `grace_s` seconds; the next start resumes the others."""
        self.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._driven or self._tasks:
                    self._rests.clear()
                    await self._rests.wait()
        late: set[asyncio.Task[Any]] = {*self._tasks, *self._driver.beside}
        for live in self._driven:
            if live.in_flight:
                live.in_flight.discard()
                late.add(live.in_flight.work)
                if self._cluster is not None and live.is_durable and not live.lost:
                    self._cluster.ask_owner(live.run.id, -live.run.seq)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)
        if self._cluster is not None:
            await self._cluster.flush()

    async def _look(self, run_id: str) -> None:
        self._notified.discard(run_id)
        await self._noted(run_id, self.wake(run_id, None))

    async def heed_or_log(self, run_id: str, seq: int, grace_s: float) -> None:
        """Do the same as `heed`, but log a failure; then the run is read again."""
        await self._noted(run_id, self.heed(run_id, seq, grace_s))

    async def _noted(self, run_id: str, work: Awaitable[None]) -> None:
        try:
            await work
        except UnknownRun:
            pass
        except DefinitionUnusable as unusable:
            log.run_stuck(run_id, unusable)
        except UNREADABLE as unreadable:
            log.run_stands_still(run_id, unreadable)
        except Exception as failure:  # noqa: BLE001 - looked at again, and logged
            self._lose(run_id, failure)

    def _lose(self, run_id: str, failure: Exception) -> None:
        # A full disk loses each run that is started: a line for each would fill the log's disk too.
        if not (isinstance(failure, Unavailable) and self._lost_runs.is_any_beside(run_id)):
            log.run_lost(run_id, failure)
        self._lost_runs.add(run_id)

    def _ended(self, live: LiveRun, failure: BaseException | None) -> None:
        """Record that a run is no longer driven, and let it leave memory."""
        cluster = self._cluster
        match failure:
            case RunLost():
                cluster = None  # another process knows its state
            case DefinitionUnusable():
                log.run_stuck(live.run.id, failure)
            case _ if isinstance(failure, UNREADABLE):
                log.run_stands_still(live.run.id, failure)
            case Exception():  # the failure of one run must not stop the others
                live.lost = True
                self._lose(live.run.id, failure)
        if cluster is not None and not live.lost and live.run.state is State.EXECUTING:
            cluster.ask_owner(live.run.id, live.run.seq)  # its attempt has not begun
        live.is_driven = False
        self._driven.pop(live, None)
        self._live_runs.release(live)
        self._rests.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._rests.set()
