"""The loop that carries a run on: decide, execute, react, make durable, repeat.

The engine decides the order of the steps; this file decides when the result becomes durable. The
one rule is kept in `_turn`: every decision is durable before a step that acts on the world is
executed, and before the run waits or ends. A chain of steps that do not act is one append.

The loop is a plain function that runs until something has to be waited for, and then returns. It is
called again by the writer once an append is durable, by an attempt that has finished waiting, by a
turn that has come, or by news of child runs. At any time at most one of them has the run to call
back for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import TypeAlias

from app.concurrency.fair_loop import FairLoop
from app.concurrency.fair_queue import FairQueue, FairQueueClosed
from app.execution.attempts.attempt import Attempt
from app.execution.driving.step_life import StepLife
from app.execution.driving.stopping import Stopping
from app.execution.live.appends import Appends
from app.execution.live.live_run import Due, LiveRun
from engine import (
    Abandon,
    Advance,
    AwaitChildren,
    AwaitStopped,
    Begin,
    ChildrenStopped,
    Decision,
    Delivered,
    Execute,
    Input,
    Stopped,
    decide,
)

Work: TypeAlias = Callable[[], Awaitable[None]]

_LONGEST_APPEND = 200
"""After this many events, even a chain of steps that do not act is made durable."""

_CHAIN = 8
"""How many steps that do not act a run may execute in one go."""

_SHARED_CHAIN = 2
"""The same, while other tenants have runs or requests too."""

_CHAINS_AT_ONCE = 16
"""How many runs of one tenant may start such a chain in one pass of the event loop.

Runs of several tenants take turns instead.
"""

_FEW_WRITES = 128
"""So many writes may be queued at the writer before appends wait for a turn."""

_FLUSHING = 2_000
"""How many events may then be queued, because other writes of a tenant come after them."""

_MOST_OF_ONE = 50
"""The most that one append counts in the queue, so that a long one gets its turn among short ones.
"""

_LINGER_S = 1.0
"""How many seconds a run that waits for child runs stays in memory without news of them."""


class Driver:
    """Carries runs on until they wait or end.

    Attributes:
        ended: Called when a run is no longer driven, with the failure if there was one.
    """

    def __init__(
        self, appends: Appends, step_life: StepLife, stopping: Stopping, fair_loop: FairLoop
    ) -> None:
        self.ended: Callable[[LiveRun, BaseException | None], None] = lambda _live, _why: None
        self._appends = appends
        self._step_life = step_life
        self._stopping = stopping
        self._fair_loop = fair_loop
        self._writes = appends.writes
        self._flushes = FairQueue(_FLUSHING)
        self._chains = FairQueue(_CHAINS_AT_ONCE)
        self.beside: set[asyncio.Task[None]] = set()
        self.stopping = False
        self._context = copy_context()

    def stop(self) -> None:
        """Start no more steps: the server is stopping."""
        self.stopping = True
        self._chains.close()
        self._step_life.stop()

    def go_on(self, live: LiveRun) -> None:
        """Carry the run on as soon as its lock is free."""
        live.lock.take(partial(self._turns, live))

    def _go_on_in_turn(self, live: LiveRun) -> None:
        if self._fair_loop.is_alone(live.tenant):
            self.go_on(live)
        else:
            self._fair_loop.call(live.tenant, partial(self.go_on, live))

    def hurry(self, live: LiveRun) -> None:
        """Make a run that waits for news of its child runs look at them now."""
        if live.linger:
            live.linger.cancel()
            live.linger = None
            loop = asyncio.get_running_loop()
            loop.call_soon(self._go_on_in_turn, live, context=self._context)

    def _turns(self, live: LiveRun, attempt: Attempt | None = None) -> None:
        """Take turns with the lock held until one waits; first execute `attempt`, if given."""
        try:
            stops = self.stopping or live.is_leaving
            if attempt is not None and not stops and not self._execute(live, attempt):
                return
            while self._turn(live):
                pass
        except BaseException as failure:  # noqa: BLE001 - told to whoever has the run driven
            self._end(live, failure)

    def _turn(self, live: LiveRun) -> bool:
        """Do the next thing; return whether to go on. If not, the lock is kept or released."""
        decision = decide(live.run)
        stops = self.stopping or live.is_leaving
        if isinstance(decision, Execute):
            attempt = self._step_life.attempt(live, decision)
            goes_on = not (attempt.acts or stops)
        else:
            attempt = None
            goes_on = isinstance(decision, Advance) and not stops
        head = live.head
        is_durable = head is not None and head.seq == live.run.seq
        if not is_durable and (not goes_on or len(live.pending) >= _LONGEST_APPEND):
            return self._flush(live, attempt)
        if attempt is not None and not stops:
            return self._execute(live, attempt) if attempt.acts else self._think(live, attempt)
        match decision:
            case Advance():
                self._appends.take(live, Begin())
            case Abandon():
                self._appends.take(live, Stopped())
            case AwaitChildren() | AwaitStopped() if not stops:
                return self._look_at_children(live, decision)
            case _:
                self._end(live)
                return False
        return True

    def _end(self, live: LiveRun, failure: BaseException | None = None) -> None:
        live.lock.release()
        self.ended(live, failure)

    def _flush(self, live: LiveRun, attempt: Attempt | None) -> bool:
        """Append the pending events, in turn if many writes are queued; then execute `attempt`."""
        size = 0
        if self._writes.queued >= _FEW_WRITES:
            size = min(len(live.pending) or 1, _MOST_OF_ONE)
        if size and not self._flushes.take_now(live.tenant, size):
            live.lock.release()
            in_turn = partial(self._flush_in_turn, live, size)
            self._flushes.call_in_turn(live.tenant, size, in_turn, self._context)
            return False
        self._appends.write(live, partial(self._flushed, live, size, attempt))
        return False

    def _flushed(
        self, live: LiveRun, size: int, attempt: Attempt | None, failure: BaseException | None
    ) -> None:
        if size:
            self._flushes.give(live.tenant, size)
        if failure is not None:
            self._end(live, failure)
            return
        live.steps_left = _SHARED_CHAIN  # it has just waited, as others did
        self._turns(live, attempt if attempt is not None and attempt.acts else None)

    def _flush_in_turn(self, live: LiveRun, size: int, closed: BaseException | None) -> None:
        """Append the pending events after waiting in line for a turn at the writer."""
        if closed is not None:
            live.lock.take(partial(self._end, live))
            return
        append = partial(self._append, live, size)
        if self._fair_loop.is_alone(live.tenant):
            live.lock.take(append)
        else:
            self._fair_loop.call(live.tenant, partial(live.lock.take, append))

    def _append(self, live: LiveRun, size: int) -> None:
        flushed = partial(self._flushed, live, size, None)
        try:
            self._appends.write(live, flushed)
        except BaseException as failure:  # noqa: BLE001 - as in `_turns`
            flushed(failure)

    def _execute(self, live: LiveRun, attempt: Attempt) -> bool:
        came = self._step_life.begin(live, attempt, self._settled)
        if came is None:
            live.lock.release()
            return False
        if type(came) is Delivered:  # the lock was held meanwhile: the run is in the attempt
            self._appends.take(live, came)
            return True
        if self._step_life.deliver(live, attempt.doing, came):
            return True
        return self._deliver_past_children(live, attempt.doing, came)

    def _settled(self, live: LiveRun, doing: Due, outcome: Input | BaseException) -> None:
        """Carry the run on after an attempt that had to wait."""
        live.in_flight = None
        go_on = partial(self._go_on_with, live, doing, outcome)
        if self._fair_loop.is_alone(live.tenant):
            live.lock.take(go_on)
        else:
            self._fair_loop.call(live.tenant, partial(live.lock.take, go_on))

    def _go_on_with(self, live: LiveRun, doing: Due, outcome: Input | BaseException) -> None:
        if isinstance(outcome, FairQueueClosed):
            self._end(live)
            return
        try:
            if isinstance(outcome, BaseException):
                raise outcome
            goes_on = self._step_life.deliver(live, doing, outcome)
            if not goes_on:
                self._deliver_past_children(live, doing, outcome)
        except BaseException as failure:  # noqa: BLE001 - as in `_turns`
            self._end(live, failure)
            return
        if goes_on:
            self._turns(live)

    def _deliver_past_children(self, live: LiveRun, doing: Due, outcome: Input) -> bool:
        return self._beside(
            live, partial(self._step_life.deliver_past_children, live, doing, outcome)
        )

    def _think(self, live: LiveRun, attempt: Attempt) -> bool:
        """Execute a step that does not act, giving way to other runs from time to time."""
        if live.steps_left:
            live.steps_left -= 1
            return self._execute(live, attempt)
        if not self._fair_loop.is_alone(live.tenant):
            live.lock.release()
            self._fair_loop.soon(live.tenant, partial(self._begin_chain, live, _SHARED_CHAIN))
            return False
        live.lock.release()
        if self._chains.take_now(live.tenant):
            asyncio.get_running_loop().call_soon(self._chain, live, None)
        else:
            in_turn = partial(self._chain, live)
            self._chains.call_in_turn(live.tenant, 1, in_turn, self._context)
        return False

    def _chain(self, live: LiveRun, closed: BaseException | None) -> None:
        """Begin a chain in its turn; in the next pass of the loop another may have the turn."""
        if closed is not None:
            live.lock.take(partial(self._end, live))
            return
        self._chains.give(live.tenant, 1)
        live.steps_left = _CHAIN
        self._go_on_in_turn(live)

    def _begin_chain(self, live: LiveRun, steps: int) -> None:
        live.steps_left = steps
        self.go_on(live)

    def _look_at_children(self, live: LiveRun, decision: AwaitChildren | AwaitStopped) -> bool:
        """Look at the child runs if there is news of them, else wait for news."""
        if not live.is_notified:
            loop = asyncio.get_running_loop()
            live.linger = loop.call_later(_LINGER_S, self._lingered, live, decision)
            live.lock.release()
            return False
        live.is_notified = False
        if isinstance(decision, AwaitChildren):
            return self._execute(live, self._step_life.attempt(live, decision))
        return self._beside(live, partial(self._look_at_stopped, live))

    def _lingered(self, live: LiveRun, decision: Decision) -> None:
        """Let the run leave memory, unless it has something to do by now."""
        live.linger = None
        live.lock.take(partial(self._leave, live, decision))

    def _leave(self, live: LiveRun, decision: Decision) -> None:
        if live.is_notified or decide(live.run) != decision:
            self._turns(live)
        else:
            self._end(live)

    async def _look_at_stopped(self, live: LiveRun) -> None:
        if not await self._stopping.has_open_children(live):
            await self._appends.happen(live, ChildrenStopped())

    def _beside(self, live: LiveRun, work: Work) -> bool:
        """Release the lock, wait for `work` in a task, then carry the run on."""
        live.lock.release()
        task = asyncio.create_task(self._wait(live, work))
        self.beside.add(task)
        task.add_done_callback(self.beside.discard)
        return False

    async def _wait(self, live: LiveRun, work: Work) -> None:
        failure: BaseException | None = None
        try:
            await work()
        except FairQueueClosed:
            live.lock.take(partial(self._end, live))
            return
        except BaseException as failed:  # noqa: BLE001 - as in `_turns`
            failure = failed
        if failure is None:
            self._go_on_in_turn(live)
        else:
            live.lock.take(partial(self._end, live, failure))
