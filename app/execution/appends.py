"""Appends: what has been decided for a run becomes durable here, and is published from here.

Whoever has to know what is durable subscribes: those who wait for a run, its timer, its
parent, the children it has left, the list of lost runs. Nothing here knows any of them.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import reduce
from typing import TypeAlias

from app.clock import Clock
from app.execution.live_run import LiveRun, RunLost, left_step
from engine import Event, Input, Recorded, apply, react
from journal import DuplicateStart, Journal, Work
from steps.frozen import FrozenValues, frozen_by
from steps.language.allowance import Allowance

Appended: TypeAlias = Callable[[LiveRun, Sequence[Event]], None]
"""Hears that events of a run have become durable; `run` of the live run shows them."""

Lost: TypeAlias = Callable[[LiveRun], None]
"""Hears that an append of a run had an unknown outcome; its copy in memory is worthless."""


class Appends:
    """Decides with the engine, makes it durable, publishes it.

    Attributes:
        on_append: Called in their order after each append, with no wait between.
        on_loss: Called in their order after an append with unknown outcome.
    """

    def __init__(self, journal: Journal, clock: Clock, frozen: FrozenValues) -> None:
        self.on_append: list[Appended] = []
        self.on_loss: list[Lost] = []
        self._journal = journal
        self._clock = clock
        self._frozen = frozen

    async def happen(self, live: LiveRun, happened: Input) -> None:
        """Let the engine decide what follows; it becomes durable with the next flush."""
        async with live.lock:
            self.take(live, happened)

    def take(self, live: LiveRun, happened: Input) -> None:
        """Decide, with the lock held. Raises `Rejected`, and then nothing has changed."""
        if live.lost:
            raise RunLost(live.run.id)
        with Allowance(), frozen_by(self._frozen):  # for the conditions of all edges
            events = react(live.run, live.graph, happened, self._clock.now_ms())
        live.run = reduce(apply, events, live.run)
        live.pending.extend(events)

    async def keep(self, live: LiveRun, recorded: Recorded, beside: Work | None = None) -> None:
        """Make a record of a step durable, with what is written beside it.

        Raises journal errors; then `lost` is set.
        Raises `StepBroke` where the run has left the step: what is not recorded may not be
        gone on from.
        """
        async with live.lock:
            if beside is not None and live.head is None:
                await self.append(live)  # the start of a run takes nothing beside it
            self.take(live, recorded)
            visit = live.run.current
            here = visit and (visit.step_id, visit.visit) == (recorded.step_id, recorded.visit)
            if not (visit and here and recorded.name in visit.records):
                raise left_step()
            await self.append(live, beside)

    async def flush(self, live: LiveRun) -> None:
        """Make everything decided so far durable. Raises journal errors; then `lost` is set."""
        async with live.lock:
            await self.append(live)

    async def append(self, live: LiveRun, beside: Work | None = None) -> None:
        """Append what is pending, with the lock held; `beside` is written with it or not at all.

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
                live.head = await self._journal.events.append(live.head, events, live.run, beside)
        except DuplicateStart:
            raise
        except BaseException:
            self._lose(live)
            raise
        self._publish(live, events)

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
                for live in lives:
                    self._lose(live)
                raise
            for live, head, (_, events) in zip(lives, heads, starts, strict=True):
                live.head = head
                self._publish(live, events)

    def _publish(self, live: LiveRun, events: Sequence[Event]) -> None:
        for heard in self.on_append:
            heard(live, events)
        if live.in_flight and not live.is_doing(live.in_flight.doing):
            # A command or a timer took the run out of the step: nobody waits for its outcome.
            live.in_flight.work.cancel()
            live.in_flight.abandon()

    def _lose(self, live: LiveRun) -> None:
        live.lost = True
        if live.in_flight:
            live.in_flight.stop(0)
        for heard in self.on_loss:
            heard(live)
