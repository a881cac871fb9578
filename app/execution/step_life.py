"""A step's life, from its turn to its outcome: take a turn, attempt, mask, deliver, react.

What becomes of the outcome is durable before anything that depends on it: `driver.py`
appends it. A step that acts has a task of its own, so that it can be abandoned when a
command or a timer takes the run out of the step.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from app.concurrency.fair_queue import FairQueue, FairQueueClosed
from app.execution.appends import Appends
from app.execution.attempt import attempt
from app.execution.children import Children
from app.execution.live_run import Due, InFlight, LiveRun
from app.execution.masked_outcome import masked_outcome
from app.telemetry.at_work import at_work
from app.telemetry.counters import Counters
from engine import AwaitsChildren, Broke, Execute, Input, Json, Run, StepError, Stopped, decide
from steps.effects import Effects
from steps.frozen import FrozenValues

_CHAINS_AT_ONCE = 16
"""How many runs may take a chain of steps that do not act, each time the event loop comes round."""


class EffectsOf(Protocol):
    """Returns the effects that one attempt of a step may have."""

    def __call__(self, live: LiveRun, doing: Due) -> Effects:
        """Return them."""
        ...


class StepLife:
    """Executes steps, in the order in which tenants take turns."""

    def __init__(  # noqa: PLR0913 - the parts a step touches, each passed in
        self,
        appends: Appends,
        effects_of: EffectsOf,
        children: Children,
        mask: Callable[[str, Json], Json],
        acting: FairQueue,
        counters: Counters,
        cancel_grace_ms: int,
        frozen: FrozenValues,
    ) -> None:
        self._appends = appends
        self._frozen = frozen
        self._effects_of = effects_of
        self._children = children
        self._mask = mask
        self._cancel_grace_ms = cancel_grace_ms
        self._acting = acting
        self._counters = counters
        self._chains = FairQueue(_CHAINS_AT_ONCE)

    def acts(self, live: LiveRun, execute: Execute) -> bool:
        """Say whether the step would act on the world."""
        step = live.usable.steps[execute.step_id]
        with at_work(live.run.id, execute.step_id):
            return step.type.acts_now(step.settings, self._effects_of(live, execute))

    def stop(self) -> None:
        """Give no further turn: the server is stopping."""
        self._acting.close()
        self._chains.close()

    async def act(self, live: LiveRun, doing: Due) -> None:
        """Execute a step that acts, or that looks at its child runs."""
        try:
            happened = await self._in_a_task(live, doing)
        except FairQueueClosed:
            return
        await self._deliver(live, doing, happened)

    async def think(self, live: LiveRun, execute: Execute, *, may_go_on: bool) -> None:
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

    async def _in_a_task(self, live: LiveRun, doing: Due) -> Input:
        """Return the outcome of the attempt, or that it was stopped, whichever comes first."""
        outcome: asyncio.Future[Input] = asyncio.get_running_loop().create_future()
        work = asyncio.create_task(self._attempt_in_turn(live, doing))
        live.in_flight = InFlight(doing, work, outcome)
        work.add_done_callback(lambda done: _settle(done, outcome, live.run))
        try:
            return await outcome
        finally:
            live.in_flight = None
            work.cancel()

    async def _attempt_in_turn(self, live: LiveRun, doing: Due) -> Input:
        async with self._acting.turn(live.tenant):
            return await self._attempt(live, doing)

    async def _attempt(self, live: LiveRun, doing: Due) -> Input:
        step = live.usable.steps[doing.step_id]
        effects = self._effects_of(live, doing)
        with at_work(live.run.id, doing.step_id):
            outcome = await attempt(live.run, step, doing, effects, self._frozen)
        self._counters.attempt(step.type.type, outcome)
        return masked_outcome(outcome, partial(self._mask, live.tenant))

    async def has_open_children(self, live: LiveRun) -> bool:
        """Say whether child runs are open that steps of the run have started."""
        return live.may_have_children and await self._children.has_open(live.run.id)

    async def _deliver(self, live: LiveRun, doing: Due, happened: Input) -> None:
        """Let the engine react, unless the run has left the attempt meanwhile.

        What comes after a failure or a cancel begins when the step's child runs have stopped.
        """
        async with live.lock:
            if live.is_doing(doing):
                if isinstance(happened, AwaitsChildren) and live.run.is_stopping:
                    happened = Stopped()
                if isinstance(happened, Broke | Stopped) and await self.has_open_children(live):
                    happened = replace(happened, grace_ms=self._cancel_grace_ms)
                self._appends.take(live, happened)


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
