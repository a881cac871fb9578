"""The loop: decide what is due, do it, react, make it durable, look again.

The engine owns the order; this file owns the world around it. The one rule is kept in
`drive`: whatever has been decided is durable before a step that acts on the world is
executed, and before the run is left to wait or is over. A chain of steps that do not act is
one append.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial, reduce
from typing import Protocol

from app.clock import Clock
from app.concurrency.fair_queue import FairQueue, FairQueueClosed
from app.execution.attempt import attempt
from app.execution.live_run import Due, InFlight, LiveRun, RunLost
from app.execution.masked_outcome import masked_outcome
from app.telemetry.counters import Counters
from engine import (
    Abandon,
    Advance,
    AwaitChildren,
    Begin,
    Broke,
    Event,
    Execute,
    Input,
    Json,
    Recorded,
    Run,
    StepError,
    Stopped,
    apply,
    decide,
    react,
)
from journal import DuplicateStart, Journal
from steps.contract import StepBroke
from steps.effects import Effects

_LONGEST_APPEND = 200
"""Events after which even a chain of steps that do not act is made durable."""

_CHAIN = 8
"""Steps that do not act which a run may take at a time."""

_CHAINS_AT_ONCE = 16
"""How many runs may do so each time the event loop comes round."""

_FLUSHING = 2_000
"""Events that runs may have with the writer, which takes them in the order in which they come."""

_MOST_OF_ONE = 50
"""What a long append counts at most, so that it finds its turn among many short ones."""

_LINGER_S = 1.0
"""How long a run that waits for child runs stays in memory without hearing from one."""


class EffectsOf(Protocol):
    """Returns the effects that one attempt of a step may have."""

    def __call__(self, live: LiveRun, doing: Due) -> Effects:
        """Return them."""
        ...


class Watcher(Protocol):
    """Told of a run after each append: what it shows is durable, unless it is `lost`."""

    def __call__(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Look at the run and at what was appended."""
        ...


class Driver:
    """Carries runs on until they wait or are over."""

    def __init__(  # noqa: PLR0913 - the parts it drives with, each passed in
        self,
        journal: Journal,
        effects_of: EffectsOf,
        clock: Clock,
        watcher: Watcher,
        mask: Callable[[str, Json], Json],
        acting: FairQueue,
        counters: Counters,
    ) -> None:
        self._journal = journal
        self._effects_of = effects_of
        self._clock = clock
        self._watcher = watcher
        self._mask = mask
        self._counters = counters
        self._acting = acting
        self._chains = FairQueue(_CHAINS_AT_ONCE)
        self._flushes = FairQueue(_FLUSHING)
        self.stopping = False

    async def drive(self, live: LiveRun) -> None:
        """Carry the run on; returns when it waits, is over, or the server is stopping."""
        thought = 0
        while True:
            decision = decide(live.run)
            acts = isinstance(decision, Execute) and self._acts(live, decision)
            goes_on = isinstance(decision, Advance | Execute) and not (acts or self.stopping)
            if not live.is_durable and (not goes_on or len(live.pending) >= _LONGEST_APPEND):
                size = max(1, min(len(live.pending), _MOST_OF_ONE))
                async with self._flushes.turn(live.tenant, size):
                    await self.flush(live)  # or wait for the append of a command that came
                continue
            match decision:
                case Advance():
                    await self.happen(live, Begin())
                case Execute() | AwaitChildren() if self.stopping:
                    return
                case AwaitChildren() if live.notified.is_set():
                    live.notified.clear()
                    await self._act(live, decision)
                case AwaitChildren():
                    if not await _notified(live) and decide(live.run) == decision:
                        return
                case Execute() if acts:
                    await self._act(live, decision)
                case Execute():
                    await self._think(live, decision, may_go_on=thought % _CHAIN != 0)
                    thought += 1
                case Abandon():
                    await self.happen(live, Stopped())
                case _:
                    return

    def stop(self) -> None:
        """Start no further step: the server is stopping."""
        self.stopping = True
        self._acting.close()
        self._chains.close()

    async def happen(self, live: LiveRun, happened: Input) -> None:
        """Let the engine decide what follows; it becomes durable with the next flush."""
        async with live.lock:
            self.take(live, happened)

    def take(self, live: LiveRun, happened: Input) -> None:
        """Decide, with the lock held. Raises `Rejected`, and then nothing has changed."""
        if live.lost:
            raise RunLost(live.run.id)
        events = react(live.run, live.graph, happened, self._clock.now_ms())
        live.run = reduce(apply, events, live.run)
        live.pending.extend(events)

    async def keep(self, live: LiveRun, recorded: Recorded) -> None:
        """Make a record of a step durable. Raises journal errors; then `lost` is set.

        Raises `StepBroke` where the run has left the step: what is not recorded may not be
        gone on from.
        """
        async with live.lock:
            self.take(live, recorded)
            visit = live.run.current
            here = visit and (visit.step_id, visit.visit) == (recorded.step_id, recorded.visit)
            if not (visit and here and recorded.name in visit.records):
                raise left_step()
            await self.append(live)

    async def flush(self, live: LiveRun) -> None:
        """Make everything decided so far durable. Raises journal errors; then `lost` is set."""
        async with live.lock:
            await self.append(live)

    async def append(self, live: LiveRun) -> None:
        """Append what is pending, with the lock held.

        An append that raises may have happened all the same, so the copy in memory is given
        up: only the journal can say how the run stands.
        """
        if live.lost:
            raise RunLost(live.run.id)
        if not live.pending:
            return
        events, live.pending = live.pending, []
        try:
            if live.head is None:
                live.head = await self._journal.events.start(
                    live.tenant, live.run, events, idempotency=live.idempotency
                )
            else:
                live.head = await self._journal.events.append(live.head, events, live.run)
        except DuplicateStart:
            raise
        except BaseException:
            live.lost = True
            if live.in_flight:
                live.in_flight.stop(0)
            self._watcher(live, events)
            raise
        self._watcher(live, events)
        if live.in_flight and not live.is_doing(live.in_flight.doing):
            # A command or a timer took the run out of the step: nobody waits for its outcome.
            live.in_flight.work.cancel()
            live.in_flight.abandon()

    async def start_together(self, lives: Sequence[LiveRun]) -> None:
        """Make the starts of new runs of one tenant durable, all or none. Raises as `append`."""
        starts = [(live.run, live.pending) for live in lives]
        async with AsyncExitStack() as locks:
            for live in lives:
                await locks.enter_async_context(live.lock)
                live.pending = []
            try:
                heads = await self._journal.events.start_together(lives[0].tenant, starts)
            except BaseException:
                for live, (_, events) in zip(lives, starts, strict=True):
                    live.lost = True
                    self._watcher(live, events)
                raise
            for live, head, (_, events) in zip(lives, heads, starts, strict=True):
                live.head = head
                self._watcher(live, events)

    def _acts(self, live: LiveRun, execute: Execute) -> bool:
        step = live.usable.steps[execute.step_id]
        return step.type.acts_now(step.settings, self._effects_of(live, execute))

    async def _attempt(self, live: LiveRun, execute: Due) -> Input:
        step = live.usable.steps[execute.step_id]
        outcome = await attempt(live.run, step, execute, self._effects_of(live, execute))
        self._counters.attempt(step.type.type, outcome)
        return masked_outcome(outcome, partial(self._mask, live.tenant))

    async def _attempt_in_turn(self, live: LiveRun, doing: Due) -> Input:
        async with self._acting.turn(live.tenant):
            return await self._attempt(live, doing)

    async def _think(self, live: LiveRun, execute: Execute, *, may_go_on: bool) -> None:
        """Execute a step that does not act; let others on now and then."""
        if not may_go_on:
            try:
                async with self._chains.turn(live.tenant):
                    await asyncio.sleep(0)
            except FairQueueClosed:
                return
            if decide(live.run) != execute:
                return  # a command came first
        await self._deliver(live, execute, await self._attempt(live, execute))

    async def _deliver(self, live: LiveRun, doing: Due, happened: Input) -> None:
        async with live.lock:
            if live.is_doing(doing):
                self.take(live, happened)

    async def _act(self, live: LiveRun, doing: Due) -> None:
        """Execute the step in a task of its own, so that it can be abandoned."""
        try:
            happened = await self._outcome(live, doing)
        except FairQueueClosed:
            return
        await self._deliver(live, doing, happened)

    async def _outcome(self, live: LiveRun, execute: Due) -> Input:
        outcome: asyncio.Future[Input] = asyncio.get_running_loop().create_future()
        work = asyncio.create_task(self._attempt_in_turn(live, execute))
        live.in_flight = InFlight(execute, work, outcome)
        work.add_done_callback(lambda done: _settle(done, outcome, live.run))
        try:
            return await outcome
        finally:
            live.in_flight = None
            work.cancel()


def left_step() -> StepBroke:
    """Return what stops the work of a step that the run has left; nobody sees it."""
    return StepBroke("Stopped", "the run has left the step", retryable=False)


async def _notified(live: LiveRun) -> bool:
    """Wait a while for news; say whether there are any."""
    try:
        async with asyncio.timeout(_LINGER_S):
            return await live.notified.wait()
    except TimeoutError:
        return live.notified.is_set()


def _settle(work: asyncio.Task[Input], outcome: asyncio.Future[Input], run: Run) -> None:
    if outcome.done():
        return
    if not work.cancelled():
        failure = work.exception()
        if failure:
            outcome.set_exception(failure)
        else:
            outcome.set_result(work.result())
    elif run.is_stopping or run.is_over:
        outcome.set_result(Stopped())
    else:
        outcome.set_result(Broke(StepError("StepCrashed", "the step cancelled itself")))
