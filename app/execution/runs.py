"""Runs as the rest of the server sees them: start, answer, cancel, terminate, wait.

Which runs are in memory, and who holds them, is in `live_runs.py`; how a run is carried on is
in `driver.py`; what is left behind is picked up by `recovery.py`.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from app.auth.callers import Caller
from app.clock import Clock
from app.definitions.versioned import DefinitionUnusable
from app.execution.answers import accept
from app.execution.driver import Driver
from app.execution.live_run import LiveRun, RunLost
from app.execution.live_runs import LiveRuns
from app.execution.new_run import NewRun
from app.execution.waiters import Waiters, is_settled
from app.telemetry import log
from engine import (
    AttemptFailed,
    Cancel,
    ChildrenResumed,
    ChildResumed,
    Event,
    Graph,
    Input,
    Interrupted,
    JsonObject,
    NotPaused,
    Rejected,
    Run,
    RunFailed,
    RunPaused,
    RunResumed,
    RunTerminated,
    State,
    StepCancelled,
    StepFailed,
    Terminate,
    TimerDue,
    apply,
    react,
)
from journal import UNREADABLE, Journal, UnknownRun

_LEAVE = (StepCancelled, StepFailed, AttemptFailed, RunTerminated)
"""Events with which a run may leave a step whose child runs are open."""

_TELL = (RunPaused, RunResumed, ChildrenResumed)
"""Events after which a parent looks at its child run again, beside the child's end."""


class Runs:
    """The door to all runs of this server."""

    def __init__(  # noqa: PLR0913 - the parts a run touches, each passed in
        self,
        journal: Journal,
        clock: Clock,
        driver: Driver,
        held: LiveRuns,
        waiters: Waiters,
        cancel_grace_s: float,
        wake_timers: Callable[[int], None],
        leave: Callable[[str], None],
        last_number: int,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._driver = driver
        self._held = held
        self._waiters = waiters
        self._cancel_grace_s = cancel_grace_s
        self._wake_timers = wake_timers
        self._last_number = last_number
        self._leave = leave
        self._tasks: set[asyncio.Task[None]] = set()
        self._notified: set[str] = set()
        self.lost: set[str] = set()
        """Runs to be read again, after an append with unknown outcome."""

    async def start(self, new: NewRun, *, wait: bool) -> tuple[Run, asyncio.Future[Run] | None]:
        """Start a run: durable when this returns.

        With `wait`, also a future of its outcome, and then the run is durable when that is
        there: nobody knows of the run before, so its start needs no commit of its own. Where
        whether it was stored is unknown, the future raises `RunLost`.

        Raises:
            DuplicateStart: The idempotency key has been used before.
        """
        live = self._new(new)
        async with self._held.new(live):
            if new.idempotency or not wait:
                await self._driver.flush(live)
            outcome = self._waiters.expect(live.run.id) if wait else None
            self._carry_on(live)
            return live.run, outcome

    async def stored(self, tenant: str, run_id: str) -> Run:
        """Return a run as it stands, once all of that is durable. Raises as an append does."""
        try:
            async with self._held.load(tenant, run_id) as live:
                await self._driver.flush(live)
                return live.run
        except UnknownRun:
            raise RunLost(run_id) from None  # its start has not been stored

    async def start_together(self, news: Sequence[NewRun]) -> None:
        """Start runs of one tenant, all or none: durable when this returns.

        Raises:
            Conflict: There is one of them already.
        """
        lives = [self._new(new) for new in news]
        async with AsyncExitStack() as held:
            for live in lives:
                await held.enter_async_context(self._held.new(live))
            await self._driver.start_together(lives)
            for live in lives:
                self._carry_on(live)

    async def read(self, tenant: str, run_id: str) -> Run:
        """Return the run as the journal has it. Raises `UnknownRun` and `Corrupt`."""
        _, run = await self._journal.events.run(run_id, tenant)
        return run

    async def expect(self, tenant: str, run_id: str) -> asyncio.Future[Run]:
        """Return a future of the run as it ends or pauses, done at once where it has."""
        async with self._held.load(tenant, run_id) as live, live.lock:
            if live.lost:
                raise RunLost(run_id)
            future = self._waiters.expect(run_id)
            if not live.pending and is_settled(live.run) and not future.done():
                future.set_result(live.run)
            return future

    async def resume(
        self,
        tenant: str,
        run_id: str,
        answer: JsonObject,
        caller: Caller,
        paused_at_seq: int | None = None,
    ) -> Run:
        """Answer a paused run, or the child run for which it is paused.

        The answer is durable when this returns. With `paused_at_seq` only the pause that began
        with that event is meant.

        Raises:
            NotPaused: The run waits for nobody, or for something else.
            InvalidAnswer: The answer does not fit; the run stays paused.
        """
        async with self._held.load(tenant, run_id) as live:
            if live.run.signal and (child_id := live.run.signal.run_id):
                meant = answer.get("runId")
                if meant not in (None, run_id, live.run.signal.body.get("runId")):
                    raise NotPaused(f"run {run_id} does not wait for run {meant}; resume that one")
                inner = {name: item for name, item in answer.items() if name != "runId"}
                await self.resume(tenant, child_id, inner, caller)
                await self._driver.happen(live, ChildResumed())
                await self._driver.flush(live)
                self._carry_on(live)
                return live.run
            async with live.lock:
                await self._driver.append(live)  # no refusal before its cause is durable
                if paused_at_seq not in (None, live.run.seq):
                    raise NotPaused(f"run {run_id} does not wait for this answer any more")
                now_ms = self._clock.now_ms()
                self._driver.take(live, accept(live, answer, caller, now_ms))
                await self._driver.append(live)
            self._carry_on(live)
            return live.run

    async def cancel(
        self,
        tenant: str | None,
        run_id: str,
        workflow_id: str | None,
        reason: str | None,
        caller: str,
    ) -> Run:
        """Ask a run to stop in good order; a repeated request changes nothing.

        Raises:
            UnknownRun: There is no such run, or not of that workflow.
            RunIsOver: It has ended.
        """
        async with self._held.load(tenant, run_id) as live:
            _of_workflow(live, workflow_id)
            async with live.lock:
                await self._driver.append(live)  # no refusal before its cause is durable
                is_first = not live.run.cancel_requested or live.run.is_over
                if is_first:
                    self._driver.take(live, Cancel(reason, caller))
                    await self._driver.append(live)
            if is_first and live.in_flight and live.run.is_stopping:
                live.in_flight.stop(self._cancel_grace_s)  # once: its clean-up is not cut short
            self._carry_on(live)
            return live.run

    async def terminate(
        self,
        tenant: str | None,
        run_id: str,
        workflow_id: str | None,
        reason: str | None,
        caller: str,
    ) -> Run:
        """End a run at once, whatever it is doing, also when its definition is unusable.

        Raises:
            UnknownRun: There is no such run, or not of that workflow.
            RunIsOver: It has ended.
        """
        async with self._held.load(tenant, run_id) as live:
            _of_workflow(live, workflow_id)
            async with live.lock:
                await self._driver.append(live)  # no refusal before its cause is durable
                command = Terminate(reason, caller)
                events = react(live.run, Graph("", {}), command, self._clock.now_ms())
                for event in events:
                    live.run = apply(live.run, event)
                live.pending.extend(events)
                await self._driver.append(live)
            return live.run

    async def stop(self, run_id: str, *, terminate: bool) -> None:
        """Stop a run whose parent waits for it no longer; one that has ended stays as it is."""
        reason = "the run that started it has stopped"
        try:
            if not terminate:
                with contextlib.suppress(DefinitionUnusable):
                    await self.cancel(None, run_id, None, reason, "parent")
                    return
            await self.terminate(None, run_id, None, reason, "parent")
        except Rejected:
            return

    async def fire(self, run_id: str) -> None:
        """Look at a run whose timer is due."""
        await self._wake(run_id, TimerDue())

    async def recover(self, run_id: str) -> None:
        """Carry on a run that a restart, or an append with unknown outcome, left behind.

        That append may have been made durable with nobody told of it, so all are told now.
        """
        await self._wake(run_id, None)
        async with self._held.load(None, run_id) as live, live.lock:
            run = live.run
            if live.pending or live.lost:
                return  # told when that is durable, or picked up once more
            self._waiters.resolve(run)
            if run.parent and is_settled(run):
                self.notify(run.parent.run_id)

    async def _wake(self, run_id: str, happened: Input | None) -> None:
        async with self._held.load(None, run_id) as live:
            live.notified.set()
            async with live.lock:
                if live.task and happened is None:
                    return  # its driver looks again; a due timer is its own reason
                if happened is None and live.run.state is State.EXECUTING:
                    happened = Interrupted()
                if happened:
                    self._driver.take(live, happened)
                await self._driver.append(live)
            self._carry_on(live)

    def notify(self, run_id: str) -> None:
        """Have a run look at its child runs again, in the background."""
        live = self._held.peek(run_id)
        if live and live.task:
            live.notified.set()
        elif run_id not in self._notified:
            self._notified.add(run_id)
            task = asyncio.create_task(self._look(run_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, run_id: str) -> None:
        self._notified.discard(run_id)
        try:
            await self._wake(run_id, None)
        except UnknownRun:
            pass
        except DefinitionUnusable as unusable:
            log.run_stuck(run_id, unusable)
        except UNREADABLE as unreadable:
            log.run_stands_still(run_id, unreadable)
        except Exception as failure:  # noqa: BLE001 - looked at again, and logged
            log.run_lost(run_id, failure)
            self.lost.add(run_id)

    async def close(self, grace_s: float) -> None:
        """Let steps in flight finish for `grace_s` seconds, then leave the rest to the journal."""
        self.let_go()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)

    def let_go(self) -> None:
        """Start no further step, and let nobody wait: the server is stopping."""
        self._driver.stop()
        self._waiters.close()

    def watch(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Note what an append has made durable: wake who waits, set the timer, tell the family."""
        run = live.run
        if live.lost:
            self.lost.add(run.id)
            if live.head is None:
                self._waiters.fail(run.id, RunLost(run.id))
            return
        self._waiters.resolve(run)
        if run.parent and (run.is_over or any(isinstance(event, _TELL) for event in events)):
            self.notify(run.parent.run_id)
        left = any(isinstance(event, _LEAVE) for event in events)
        if left and (live.may_have_children or any(visit.children for visit in run.history)):
            self._leave(run.id)
        if run.wake_at_ms is not None:
            self._wake_timers(run.wake_at_ms)

    def _carry_on(self, live: LiveRun) -> None:
        live.notified.set()
        if live.task or live.run.is_over or live.lost:
            return
        task = asyncio.create_task(self._drive(live))
        live.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, live: LiveRun) -> None:
        try:
            await self._driver.drive(live)
        except DefinitionUnusable as unusable:
            log.run_stuck(live.run.id, unusable)
        except RunLost:
            pass
        except UNREADABLE as unreadable:
            log.run_stands_still(live.run.id, unreadable)
        except Exception as failure:  # noqa: BLE001 - one run's fault must not stop the others
            log.run_lost(live.run.id, failure)
            live.lost = True
            self.lost.add(live.run.id)
        finally:
            live.task = None
            self._held.release(live)

    def _new(self, new: NewRun) -> LiveRun:
        """Return a run in memory, of which nothing is durable yet."""
        now_ms = self._clock.now_ms()
        started = new.started(self._next_id(now_ms), now_ms)
        run, events = apply(None, started), list[Event]([started])
        if new.refused:
            events.append(RunFailed(now_ms, new.refused))
            run = apply(run, events[-1])
        return LiveRun(
            tenant=new.tenant,
            run=run,
            head=None,
            definition=new.definition,
            idempotency=new.idempotency,
            pending=events,
            size=new.size,
        )

    def _next_id(self, now_ms: int) -> str:
        self._last_number = max(self._last_number + 1, now_ms)
        return f"dynamic-workflow-{self._last_number}"


def _of_workflow(live: LiveRun, workflow_id: str | None) -> None:
    if workflow_id is not None and workflow_id != live.run.workflow_id:
        raise UnknownRun(live.run.id)
