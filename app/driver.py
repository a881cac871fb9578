"""The loop: decide what is due, do it, react, make it durable, look again.

The engine owns the order; this file owns the world around it. The one rule is kept in
`drive`: whatever has been decided is durable before a step that acts on the world is
executed, and before the run is left to wait or is over. A chain of steps that do not act is
one append.
"""

import asyncio
from functools import reduce
from typing import Protocol

from app.attempt import attempt
from app.clock import Clock
from app.live import InFlight, LiveRun, RunLost
from engine import (
    Abandon,
    Advance,
    Begin,
    Broke,
    Execute,
    Input,
    Run,
    StepError,
    Stopped,
    apply,
    decide,
    react,
)
from journal import DuplicateStart, Journal
from steps.contract import Effects

_LONGEST_APPEND = 200
"""Events after which even a chain of steps that do not act is made durable."""


class EffectsOf(Protocol):
    """Gives the effects that the steps of one tenant's runs may have."""

    def __call__(self, tenant: str) -> Effects:
        """Give them."""
        ...


class Watcher(Protocol):
    """Told of a run after each append: what it shows is durable, unless it is `lost`."""

    def __call__(self, live: LiveRun) -> None:
        """Look at the run."""
        ...


class Driver:
    """Carries runs on until they wait or are over."""

    def __init__(
        self, journal: Journal, effects_of: EffectsOf, clock: Clock, watcher: Watcher
    ) -> None:
        self._journal = journal
        self._effects_of = effects_of
        self._clock = clock
        self._watcher = watcher
        self.stopping = False

    async def drive(self, live: LiveRun) -> None:
        """Carry the run on; returns when it waits, is over, or the server is stopping."""
        while True:
            decision = decide(live.run)
            acts = isinstance(decision, Execute) and self._acts(live, decision)
            goes_on = isinstance(decision, Advance | Execute) and not acts
            if live.pending and (not goes_on or len(live.pending) >= _LONGEST_APPEND):
                await self.flush(live)
                continue  # a command may have come while the append was under way
            match decision:
                case Advance():
                    await self.happen(live, Begin())
                case Execute() if self.stopping:
                    return
                case Execute() if acts:
                    await self.happen(live, await self._act(live, decision))
                case Execute():
                    await asyncio.sleep(0)  # a long chain must not keep others waiting
                    await self.happen(live, await self._attempt(live, decision))
                case Abandon():
                    await self.happen(live, Stopped())
                case _:
                    return

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

    async def flush(self, live: LiveRun) -> None:
        """Make everything decided so far durable. Raises journal errors; then `lost` is set."""
        async with live.lock:
            await self.append(live)

    async def append(self, live: LiveRun) -> None:
        """Append what is pending, with the lock held.

        An append that raises may have happened all the same, so the copy in memory is given
        up: only the journal can say how the run stands.
        """
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
            self._watcher(live)
            raise
        self._watcher(live)

    def _acts(self, live: LiveRun, execute: Execute) -> bool:
        return live.usable.steps[execute.step_id].type.acts

    async def _attempt(self, live: LiveRun, execute: Execute) -> Input:
        step = live.usable.steps[execute.step_id]
        return await attempt(live.run, step, execute, self._effects_of(live.tenant))

    async def _act(self, live: LiveRun, execute: Execute) -> Input:
        """Execute the step in a task of its own, so that it can be abandoned."""
        outcome: asyncio.Future[Input] = asyncio.get_running_loop().create_future()
        work = asyncio.create_task(self._attempt(live, execute))
        live.in_flight = InFlight(work, outcome)
        work.add_done_callback(lambda done: _settle(done, outcome, live.run))
        try:
            return await outcome
        finally:
            live.in_flight = None
            work.cancel()


def _settle(work: asyncio.Task[Input], outcome: asyncio.Future[Input], run: Run) -> None:
    if outcome.done():
        return
    if not work.cancelled():
        outcome.set_result(work.result())
    elif run.is_stopping or run.is_over:
        outcome.set_result(Stopped())
    else:
        outcome.set_result(Broke(StepError("StepCrashed", "the step cancelled itself")))
