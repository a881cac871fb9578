"""Who may execute a step now: a bounded number at once, the waiting ones by tenant in turn.

Without a bound a tenant with thousands of runs would have thousands of steps act at once, and
a tenant with one run would come after all of them.
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
    """The server is stopping: no turn comes any more."""


class _Called:
    """Has `then` called once a turn has come: what waits without a coroutine."""

    __slots__ = ("_context", "_then")

    def __init__(self, then: Callable[[BaseException | None], None], context: Context) -> None:
        self._then, self._context = then, context

    def done(self) -> bool:
        """Say whether nobody needs the turn any more: never."""
        return False

    def set_result(self, _: None) -> None:
        """Take the turn when the loop comes round."""
        self.set_exception(None)

    def set_exception(self, failure: BaseException | None) -> None:
        """Hear why there is none."""
        asyncio.get_running_loop().call_soon(self._then, failure, context=self._context)


@dataclass(slots=True)
class _Waiter:
    amount: int
    turn: asyncio.Future[None] | _Called


class FairQueue(FairShare):
    """Hands out turns; in each tenant's line the first come is the first served.

    An attempt of a step that waits here does not use up its timeout. `greed` is that of
    `FairShare`.
    """

    def __init__(self, most: int, greed: int = GREED) -> None:
        super().__init__(most, greed)
        self._lines: dict[str, deque[_Waiter]] = {}
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(len(line) for line in self._lines.values())

    def turn(self, tenant: str, amount: int = 1) -> "Turn":
        """Return what waits for a turn that counts as `amount`, and holds it: `async with`."""
        return Turn(self, tenant, amount)

    def may_begin(self, tenant: str) -> bool:
        """Say whether a turn could be taken now; `take` takes it for what has begun since."""
        free = self.most - self.total
        return (
            free > 0
            and self._held.get(tenant, 0) < self._greed * free
            and (tenant not in self._lines)
        )

    async def wait(self, tenant: str, amount: int) -> None:
        """Wait for a turn; it has to be given back. Raises `FairQueueClosed`."""
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
        """Stand in line for a turn that could not be taken now, and have `then` called with it.

        It is given back by whoever is called; with `FairQueueClosed` there is none.
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
        """Let others have the turn that the tenant holds while the block lasts.

        It is held again after it, also where the block or the wait for it is cut off: whoever
        took the turn gives it back.
        """
        self.give(tenant, 1)
        try:
            yield
            await self.wait(tenant, 1)
        except FairQueueClosed:
            self.take(tenant, 1)  # what has begun may come to its end
        except BaseException:
            self.take(tenant, 1)
            raise

    def resize(self, most: int) -> None:
        """Hand out so many turns at once from now on."""
        if not self._closed:
            self.most = most
            self._serve()

    def close(self) -> None:
        """Send everybody away who waits: the server is stopping."""
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
        """Return one turn to the first tenant in the round that may have one."""
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
    """One turn, while the block lasts. A class, which costs a quarter of a generator."""

    __slots__ = ("_amount", "_tenant", "_turns")

    def __init__(self, turns: FairQueue, tenant: str, amount: int) -> None:
        self._turns, self._tenant, self._amount = turns, tenant, amount

    async def __aenter__(self) -> None:
        await self._turns.wait(self._tenant, self._amount)

    async def __aexit__(self, *_: object) -> None:
        self._turns.give(self._tenant, self._amount)
