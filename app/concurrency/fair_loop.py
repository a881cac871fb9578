"""Who computes on the event loop next: coroutines and callbacks take turns by tenant.

The loop executes whatever is ready in the order in which it came, so that the one request of a
tenant comes after the sixty of another. Here a coroutine that is ready to go on stands in line
while others compute: each time the loop comes round, steps are taken for about one slice of
time, those first whose tenant has computed least. A turn is a step from one `await` to the
next: whoever waits for the disk, a body or a person holds none. What a step costs is measured,
so that turns are in proportion to what they cost.

What runs do beside the requests that started them are callbacks: of the writer, of attempts that
have waited. They take turns like steps while more than one tenant computes, and cost nothing more
while only one does.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")
Work: TypeAlias = Callable[[], None]

_SLICE_S = 0.001
"""How long coroutines of one tenant compute each time the loop comes round."""

_SHARED_SLICE_S = 0.0001
"""How long they compute where there are others: who needs several rounds waits for each of them.

A step is never cut off.
"""

_SHARED_ROUNDS = 16
"""Rounds for which slices are short after a step of another tenant than the one before."""

_CROWD = 8
_REMEMBERED_S = 60.0
"""So many that compute at once take turns from their beginning where there were others lately.

For so long: who comes next may be the one request of another tenant.
"""

_CREDIT_S = 0.002
"""How far a tenant that has waited for other things may be behind the others when it computes.

Who asks now and then comes first; leaving and coming back makes nobody younger.
"""

_MOST_LEFT = 1_000
"""Tenants that have left of which it is remembered what they had computed."""

_INTERRUPTED_S = 0.0005
"""A step from this length on may have waited for the processor, which is not its tenant's doing."""

_GUESS_S = 0.0002
"""What a step is taken to cost before one of its tenant has been measured."""


@dataclass(slots=True)
class _Account:
    """What a tenant has open.

    Attributes:
        used_s: How long it has computed, counted from where the others stood when it came.
        granted_s: What the steps are expected to cost whose turn has come and that have not begun.
        usual_s: What the dearer ones of its steps have cost of late, a slice at most. Not the mean:
            most steps cost next to nothing, and those that do not come together. One that was
            interrupted says little of those to come.
    """

    tenant: str
    used_s: float
    granted_s: float = 0.0
    open: int = 0
    usual_s: float = _GUESS_S
    line: "deque[asyncio.Future[float] | _Callback]" = field(default_factory=deque)


class FairLoop:
    """Hands out the time of the event loop."""

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        processor_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """Take turns by a clock, and by one of the loop's own processor time, which is dearer."""
        self._clock = clock
        self._processor_clock = processor_clock
        self._round_began_s = processor_clock()
        self._accounts: dict[str, _Account] = {}
        self._left: dict[str, float] = {}
        self._line: list[tuple[float, int, _Account]] = []
        self._numbers = count()
        self._open = 0
        self._spent_s = 0.0
        self._reached_s = 0.0
        self._is_round_due = False
        self._round = 0
        self._shared_until = -1
        self._latest: str | None = None
        self._others_until_s = 0.0

    @property
    def waiting(self) -> int:
        """How many coroutines stand in line."""
        return sum(len(account.line) for account in self._accounts.values())

    @property
    def _slice_s(self) -> float:
        return _SLICE_S if self._round > self._shared_until else _SHARED_SLICE_S

    def run(self, tenant: str, coroutine: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Return what `coroutine` does, taking its turns."""
        return _InTurns(self, tenant, coroutine)

    @property
    def is_shared(self) -> bool:
        """True while more than one tenant computes, and for some rounds after that.

        Longer where many compute at once.
        """
        if self._round <= self._shared_until or len(self._accounts) > 1:
            return True
        return self._open > _CROWD and self._clock() < self._others_until_s

    def is_alone(self, tenant: str) -> bool:
        """Say whether nobody else computes: what is done for the tenant needs no turns."""
        if self._round <= self._shared_until:
            return False
        accounts = self._accounts
        return not accounts or (len(accounts) == 1 and tenant in accounts)

    def may_begin(self, tenant: str) -> bool:
        """Say whether it is the tenant's turn: a coroutine of it would not stand in line."""
        account = self._accounts.get(tenant)
        return account is None or self._may_step(account)

    def call(self, tenant: str, work: Work) -> None:
        """Do `work`: at once where it is the tenant's turn, else in its turn."""
        account = self._enter(tenant)
        if not self._may_step(account):
            self._put_in_line(account, _Callback(self, account, work))
            return
        began_s = self._clock()
        try:
            work()
        finally:
            self._note(account, self._clock() - began_s, 0.0)
            self._leave(account)

    def soon(self, tenant: str, work: Work) -> None:
        """Do `work` in its turn when the loop comes round, not before."""
        account = self._enter(tenant)
        self._put_in_line(account, _Callback(self, account, work))

    def _enter(self, tenant: str) -> _Account:
        account = self._accounts.get(tenant)
        if account is None:
            used_s = max(self._left.pop(tenant, 0.0), self._reached_s - _CREDIT_S)
            account = self._accounts[tenant] = _Account(tenant, used_s)
        account.open += 1
        self._open += 1
        return account

    def _leave(self, account: _Account) -> None:
        self._open -= 1
        account.open -= 1
        if not account.open:
            del self._accounts[account.tenant]
            if account.used_s > self._reached_s - _CREDIT_S:
                if len(self._left) >= _MOST_LEFT:
                    self._left.clear()
                self._left[account.tenant] = account.used_s

    def _may_step(self, account: _Account) -> bool:
        """Say whether a coroutine may go on at once: nobody is before it."""
        if account.line:
            return False
        account.used_s = max(account.used_s, self._reached_s - _CREDIT_S)
        if account.used_s + account.granted_s < self._reached_s:
            return True
        return not self._line and self._spent_s < self._slice_s

    def _stand_in_line(self, account: _Account) -> asyncio.Future[float]:
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._put_in_line(account, turn)
        return turn

    def _put_in_line(self, account: _Account, turn: "asyncio.Future[float] | _Callback") -> None:
        account.line.append(turn)
        if len(account.line) == 1:
            self._join(account)
        self._come_round()

    def _join(self, account: _Account) -> None:
        place_s = account.used_s + account.granted_s
        heappush(self._line, (place_s, next(self._numbers), account))

    def _note(self, account: _Account, took_s: float, expected_s: float) -> None:
        """Charge a step, of which so much was expected when its turn came."""
        if took_s > _INTERRUPTED_S:
            computed_s = self._processor_clock() - self._round_began_s
            took_s = min(took_s, max(computed_s - self._spent_s, 0.0))
        if account.tenant != self._latest:
            if self._latest is not None:
                self._others_until_s = self._clock() + _REMEMBERED_S
            self._latest, self._shared_until = account.tenant, self._round + _SHARED_ROUNDS
        self._reached_s = max(self._reached_s, account.used_s)
        account.used_s += took_s
        account.granted_s -= expected_s
        more_s = min(took_s, _SLICE_S) - account.usual_s
        account.usual_s += more_s / (4 if more_s > 0 else 32)
        self._spent_s += took_s
        self._come_round()

    def _come_round(self) -> None:
        if not self._is_round_due:
            self._is_round_due = True
            asyncio.get_running_loop().call_soon(self._begin_round)

    def _begin_round(self) -> None:
        """Let as many go on as a slice has room for, and those first that have had least."""
        self._is_round_due = False
        self._round += 1
        self._round_began_s = self._processor_clock()
        self._spent_s = 0.0
        expected_s = 0.0
        slice_s = self._slice_s
        while self._line and self._spent_s + expected_s < slice_s:
            place_s, number, account = heappop(self._line)
            if account.used_s + account.granted_s > place_s:  # it has computed since it joined
                place_s = account.used_s + account.granted_s
                heappush(self._line, (place_s, number, account))
                continue
            turn = account.line.popleft()
            usual_s = 0.0 if turn.done() else account.usual_s
            account.granted_s += usual_s
            if account.line:
                self._join(account)
            if isinstance(turn, _Callback):
                turn.take(usual_s)
            elif usual_s:
                turn.set_result(usual_s)
                expected_s += usual_s
        if self._line:
            self._come_round()


class _Callback:
    """A callback that stands in line, with the context of whoever has put it there."""

    __slots__ = ("_account", "_context", "_loop", "_work")

    def __init__(self, loop: FairLoop, account: _Account, work: Work) -> None:
        self._loop, self._account, self._work = loop, account, work
        self._context = copy_context()

    def done(self) -> bool:
        """Say whether nobody needs the turn any more: never."""
        return False

    def take(self, expected_s: float) -> None:
        """Take the turn, which has been charged with what it is expected to cost."""
        loop = self._loop
        began_s = loop._clock()  # noqa: SLF001 - two halves of one thing
        try:
            self._context.run(self._work)
        except Exception as failure:  # noqa: BLE001 - others have their turn all the same
            told = {"message": f"{self._work!r} failed", "exception": failure}
            asyncio.get_running_loop().call_exception_handler(told)
        finally:
            loop._note(self._account, loop._clock() - began_s, expected_s)  # noqa: SLF001
            loop._leave(self._account)  # noqa: SLF001


class _InTurns(Generic[T]):
    """A coroutine whose steps take turns. A class, which costs less than a coroutine more."""

    __slots__ = ("_coroutine", "_loop", "_tenant")

    def __init__(self, loop: FairLoop, tenant: str, coroutine: Coroutine[Any, Any, T]) -> None:
        self._loop, self._tenant, self._coroutine = loop, tenant, coroutine

    def __await__(self) -> Generator[Any, None, T]:
        loop, tenant, coroutine = self._loop, self._tenant, self._coroutine
        account = loop._enter(tenant)  # noqa: SLF001 - two halves of one thing
        failure: BaseException | None = None
        try:
            while True:
                expected_s = 0.0
                if failure is None and loop._open > 1 and not loop._may_step(account):  # noqa: SLF001
                    turn = loop._stand_in_line(account)  # noqa: SLF001
                    try:
                        yield from turn
                    except asyncio.CancelledError as cancelled:
                        failure = cancelled
                    expected_s = turn.result() if turn.done() and not turn.cancelled() else 0.0
                began_s = loop._clock()  # noqa: SLF001
                try:
                    awaited = coroutine.throw(failure) if failure else coroutine.send(None)
                except StopIteration as end:
                    value: T = end.value
                    return value
                finally:
                    if loop._open > 1:  # noqa: SLF001
                        loop._note(account, loop._clock() - began_s, expected_s)  # noqa: SLF001
                failure = None
                try:
                    yield awaited
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - it is the coroutine's
                    failure = thrown
        finally:
            loop._leave(account)  # noqa: SLF001
