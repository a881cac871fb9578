"""The loop: decide what is due, do it, react, make it durable, look again.

The engine owns the order; this file owns when it becomes durable. The one rule is kept in
`drive`: whatever has been decided is durable before a step that acts on the world is
executed, and before the run is left to wait or is over. A chain of steps that do not act is
one append.
"""

import asyncio

from app.concurrency.fair_queue import FairQueue
from app.execution.appends import Appends
from app.execution.live_run import LiveRun
from app.execution.step_life import StepLife
from engine import (
    Abandon,
    Advance,
    AwaitChildren,
    AwaitStopped,
    Begin,
    ChildrenStopped,
    Execute,
    Stopped,
    decide,
)

_LONGEST_APPEND = 200
"""Events after which even a chain of steps that do not act is made durable."""

_CHAIN = 8
"""Steps that do not act which a run may take at a time."""

_FLUSHING = 2_000
"""Events that runs may have with the writer, which takes them in the order in which they come."""

_MOST_OF_ONE = 50
"""What a long append counts at most, so that it finds its turn among many short ones."""

_LINGER_S = 1.0
"""How long a run that waits for child runs stays in memory without hearing from one."""


class Driver:
    """Carries runs on until they wait or are over."""

    def __init__(self, appends: Appends, step_life: StepLife) -> None:
        self._appends = appends
        self._step_life = step_life
        self._flushes = FairQueue(_FLUSHING)
        self.stopping = False

    async def drive(self, live: LiveRun) -> None:
        """Carry the run on; returns when it waits, is over, or the server is stopping."""
        thought = 0
        while True:
            decision = decide(live.run)
            acts = isinstance(decision, Execute) and self._step_life.acts(live, decision)
            goes_on = isinstance(decision, Advance | Execute) and not (acts or self.stopping)
            if not live.is_durable and (not goes_on or len(live.pending) >= _LONGEST_APPEND):
                await self._flush_in_turn(live)
                continue
            match decision:
                case Advance():
                    await self._appends.happen(live, Begin())
                case Execute() | AwaitChildren() if self.stopping:
                    return
                case AwaitChildren() | AwaitStopped():
                    if not await self._look_at_children(live, decision):
                        return
                case Execute() if acts:
                    await self._step_life.act(live, decision)
                case Execute():
                    await self._step_life.think(live, decision, may_go_on=thought % _CHAIN != 0)
                    thought += 1
                case Abandon():
                    await self._appends.happen(live, Stopped())
                case _:
                    return

    async def _look_at_children(
        self, live: LiveRun, decision: AwaitChildren | AwaitStopped
    ) -> bool:
        """Look once there is news of child runs; say whether there is any, or the run goes on."""
        if not live.notified.is_set():
            return await _notified(live) or decide(live.run) != decision
        live.notified.clear()
        if isinstance(decision, AwaitChildren):
            await self._step_life.act(live, decision)
        elif not await self._step_life.has_open_children(live):
            await self._appends.happen(live, ChildrenStopped())
        return True

    def stop(self) -> None:
        """Start no further step: the server is stopping."""
        self.stopping = True
        self._step_life.stop()

    async def _flush_in_turn(self, live: LiveRun) -> None:
        """Append what is pending, or wait for the append of a command that came."""
        size = max(1, min(len(live.pending), _MOST_OF_ONE))
        async with self._flushes.turn(live.tenant, size):
            await self._appends.flush(live)


async def _notified(live: LiveRun) -> bool:
    """Wait a while for news; say whether there are any."""
    try:
        async with asyncio.timeout(_LINGER_S):
            return await live.notified.wait()
    except TimeoutError:
        return live.notified.is_set()
