"""Limits how many steps execute at once; steps that wait are served by tenant in turn.

Without the limit, a tenant with thousands of runs would execute thousands of steps at once, and a
tenant with one run would come after all of them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass

from app.concurrency.attempt_timeout import waiting_for_turn
from app.concurrency.fair_share import GREED, FairShare


class FairQueueClosed(Exception):
    """The server is stopping, so no more turns are given."""


class _Called:
    """Calls `then` when a turn comes: a waiter that is not a coroutine."""

    __slots__ = ("_context", "_then")

    def __init__(self, then: Callable[[BaseException | None], None], context: Context) -> None:
        self._then, self._context = then, context

    def done(self) -> bool:
        """Return whether the turn is no longer needed: never."""
        return False

    def set_result(self, _: None) -> None:
        """Take the turn in the next iteration of the event loop."""
        self.set_exception(None)

    def set_exception(self, failure: BaseException | None) -> None:
        """Pass on why there is no turn."""
        asyncio.get_running_loop().call_soon(self._then, failure, context=self._context)


@dataclass(slots=True)
class _Waiter:
    amount: int
    turn: asyncio.Future[None] | _Called


class FairQueue(FairShare):
    """Gives out turns; each tenant's line is served in order of arrival.

    Waiting here does not use up the timeout of a step's attempt. `greed` is that of `FairShare`.
    """

    def __init__(self, most: int, greed: int = GREED) -> None:
        super().__init__(most, greed)
        self._lines: dict[str, deque[_Waiter]] = {}
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return sum(len(line) for line in self._lines.values())

    def turn(self, tenant: str, amount: int = 1) -> "Turn":
        """Return a context (`async with`) that waits for a turn and holds it.

        The turn counts as `amount` turns.
        """
        return Turn(self, tenant, amount)

    def may_begin(self, tenant: str) -> bool:
        """Return whether a turn could be taken now; `take` then takes it for what has begun."""
        free = self.most - self.total
        return (
            free > 0
            and self._held.get(tenant, 0) < self._greed * free
            and (tenant not in self._lines)
        )

    async def wait(self, tenant: str, amount: int) -> None:
        """Wait for a turn, which the caller must give back. Raises `FairQueueClosed`."""
        if self._closed:
            raise FairQueueClosed
        if not self.take_now(tenant, amount):
            await self._stand_in_line(tenant, amount)

    def call_in_turn(
        self,
        tenant: str,
        amount: int,
        then: Callable[[BaseException | None], None],
        context: Context,
    ) -> None:
        """Wait in line for a turn that could not be taken now, and call `then` when it comes.

        `then` must give the turn back. It is called with `FairQueueClosed` if there will be no
        turn.
        """
        called = _Called(then, context)
        if self._closed:
            called.set_exception(FairQueueClosed())
        else:
            self._lines.setdefault(tenant, deque()).append(_Waiter(amount, called))

    def _serve(self) -> None:
        while self._lines and self._serve_next():
            pass

    @asynccontextmanager
    async def lent(self, tenant: str) -> AsyncIterator[None]:
        """Let others use the tenant's turn while the block lasts.

        The tenant holds a turn again afterwards, even if the block or the wait for the turn is
        cancelled, because the code that took the turn gives it back.
        """
        self.give(tenant, 1)
        try:
            yield
            await self.wait(tenant, 1)
        except FairQueueClosed:
            self.take(tenant, 1)  # what has begun may finish
        except BaseException:
            self.take(tenant, 1)
            raise

    def resize(self, most: int) -> None:
        """Give out at most this many turns at once from now on."""
        if not self._closed:
            self.most = most
            self._serve()

    def close(self) -> None:
        """Refuse everybody who waits: the server is stopping."""
        self._closed = True
        self.most = 0
        lines, self._lines = self._lines, {}
        for line in lines.values():
            for waiter in line:
                if not waiter.turn.done():
                    waiter.turn.set_exception(FairQueueClosed())

    async def _stand_in_line(self, tenant: str, amount: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(tenant, deque()).append(_Waiter(amount, turn))
        try:
            with waiting_for_turn():
                await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self.give(tenant, amount)  # the turn came in the same moment
            raise

    def _serve_next(self) -> bool:
        """Give one turn to the first tenant that may have one; return whether there was one."""
        for tenant, line in self._lines.items():
            if not self.may_take(tenant, line[0].amount):
                continue
            del self._lines[tenant]
            waiter = line.popleft()
            if line:
                self._lines[tenant] = line  # to the end of the round
            if not waiter.turn.done():
                self.take(tenant, waiter.amount)
                waiter.turn.set_result(None)
            return True
        return False


class Turn:
    """Holds one turn while the block lasts. A class costs a quarter of a generator."""

    __slots__ = ("_amount", "_tenant", "_turns")

    def __init__(self, turns: FairQueue, tenant: str, amount: int) -> None:
        self._turns, self._tenant, self._amount = turns, tenant, amount

    async def __aenter__(self) -> None:
        await self._turns.wait(self._tenant, self._amount)

    async def __aexit__(self, *_: object) -> None:
        self._turns.give(self._tenant, self._amount)
