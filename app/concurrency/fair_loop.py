"""Decides who computes on the event loop next: coroutines and callbacks take turns by tenant.

The event loop executes callbacks in the order in which they became ready, so a tenant's single
request would come after another tenant's sixty. Here a ready coroutine waits in line while others
compute. In each iteration of the loop, coroutines are resumed for about one slice of time, and the
tenant that has computed least comes first. A turn lasts from one `await` to the next: a coroutine
that waits for the disk, a body or a person holds no turn. The cost of each turn is measured, so
tenants get equal time, not equal numbers of turns.

Work of a run that no request waits for arrives as callbacks: from the writer, and from attempts
that have waited. Callbacks take turns while more than one tenant computes, and cost nothing extra
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
"""How long coroutines compute in each iteration of the loop while there is one tenant."""

_SHARED_SLICE_S = 0.0001
"""How long they compute while there are several; one that needs several turns waits for the rest.

A turn is never cut off.
"""

_SHARED_ROUNDS = 16
"""How many iterations of the loop keep the short slice after the tenant changes."""

_CROWD = 8
_REMEMBERED_S = 60.0
"""From `_CROWD` coroutines at once, new ones wait in line too, if there were other tenants lately.

"Lately" is within `_REMEMBERED_S` seconds: the next to come may be another tenant's only request.
"""

_CREDIT_S = 0.001
"""How far behind the others in time used a tenant that was away may be when it computes again.

A tenant that asks now and then comes first, but gains nothing by leaving and coming back. What
several of its requests may be behind is as much in all: lists that have waited for a thread
together would otherwise come before the next requests of everybody else.
"""

_MOST_LEFT = 1_000
"""For how many tenants that have left the time they used is remembered."""

_INTERRUPTED_S = 0.0005
"""A longer turn may have waited for a processor, which is not the fault of its tenant."""

_GUESS_S = 0.0002
"""The assumed cost of a turn until one of its tenant has been measured."""


@dataclass(slots=True)
class _Account:
    """What one tenant has used and has in progress.

    Attributes:
        used_s: How long it has computed, counted from where the others were when it came.
        granted_s: The expected cost of turns that were granted and have not begun.
        usual_s: The recent cost of its more expensive turns, at most one slice. Not the mean: most
            turns cost next to nothing, and the expensive ones come together. A turn that was
            interrupted says little about the next ones.
    """

    tenant: str
    used_s: float
    granted_s: float = 0.0
    open: int = 0
    usual_s: float = _GUESS_S
    line: "deque[asyncio.Future[float] | _Callback]" = field(default_factory=deque)


class FairLoop:
    """Shares out the time of the event loop between tenants."""

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        processor_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """Measure by `clock`, and by the loop's processor time, which costs more to read."""
        self._clock = clock
        self._processor_clock = processor_clock
        self._round_began_s = processor_clock()
        self._accounts: dict[str, _Account] = {}
        self._left: dict[str, tuple[float, float]] = {}
        self._line: list[tuple[float, int, _Account]] = []
        self._numbers = count()
        self._open = 0
        self._spent_s = self._spent_before_s = 0.0
        self._reached_s = 0.0
        self._is_round_due = False
        self._is_held = False
        self._cleared = -1
        self._round = 0
        self._shared_until = -1
        self._latest: str | None = None
        self._others_until_s = 0.0

    @property
    def waiting(self) -> int:
        """How many coroutines wait in line."""
        return sum(len(account.line) for account in self._accounts.values())

    @property
    def is_busy(self) -> bool:
        """True while anybody computes, or waits for something in the middle of it."""
        return self._open > 0

    @property
    def _slice_s(self) -> float:
        return _SHARED_SLICE_S if self._is_slice_short else _SLICE_S

    def run(self, tenant: str, coroutine: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Return the result of `coroutine`, which takes turns with others."""
        return _InTurns(self, tenant, coroutine)

    @property
    def is_shared(self) -> bool:
        """True while more than one tenant computes, and for some iterations of the loop after that.

        Longer where many compute at once.
        """
        if self._round <= self._shared_until or len(self._accounts) > 1:
            return True
        return self._open > _CROWD and self._clock() < self._others_until_s

    def is_alone(self, tenant: str) -> bool:
        """Return whether no other tenant computes, so that work for this one needs no turns."""
        if self._round <= self._shared_until:
            return False
        accounts = self._accounts
        return not accounts or (len(accounts) == 1 and tenant in accounts)

    def may_begin(self, tenant: str) -> bool:
        """Return whether the tenant may compute now, without waiting in line."""
        account = self._accounts.get(tenant)
        return account is None or self._may_step(account)

    def call(self, tenant: str, work: Work) -> None:
        """Call `work`: at once if it is the tenant's turn, otherwise when its turn comes."""
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
        """Call `work` in its turn, in the next iteration of the loop at the earliest."""
        account = self._enter(tenant)
        self._put_in_line(account, _Callback(self, account, work))

    @property
    def is_clear(self) -> bool:
        """Whether nobody has computed in this iteration of the loop, or only one tenant computes.

        Then other work may keep the loop for as long as a turn: what arrives waits for one of them.
        """
        is_clear = not (self._is_slice_short and (self._spent_s or self._spent_before_s))
        self._cleared = self._round if is_clear else -1
        return is_clear

    async def clear(self) -> None:
        """Let nobody compute until the next iteration of the loop, in which this returns."""
        self._is_held = True
        try:
            await asyncio.sleep(0)
        finally:
            self._is_held = False
        self._cleared = self._round

    def over(self) -> None:
        """End such work; turns come in the next iteration, unless it lasted for several."""
        if self._cleared == self._round:
            self._spent_s += _SHARED_SLICE_S

    @property
    def _is_slice_short(self) -> bool:
        return self._round <= self._shared_until

    @property
    def _is_too_late(self) -> bool:
        """Whether a turn is to be granted again, because others took longer than expected."""
        return self._is_slice_short and (self._is_held or self._spent_s >= _SHARED_SLICE_S)

    def _enter(self, tenant: str) -> _Account:
        account = self._accounts.get(tenant)
        if account is None:
            used_s = max(self._used_s(tenant), self._reached_s - _CREDIT_S)
            account = self._accounts[tenant] = _Account(tenant, used_s)
        account.open += 1
        self._open += 1
        return account

    def _used_s(self, tenant: str) -> float:
        """Return what a tenant has used, less its share of the time for which it was away.

        Not all of what the loop did meanwhile is charged to somebody: reading requests, commits.
        """
        if not (left := self._left.pop(tenant, None)):
            return 0.0
        used_s, left_s = left
        return used_s - (self._clock() - left_s) / max(1, len(self._accounts))

    def _leave(self, account: _Account) -> None:
        self._open -= 1
        account.open -= 1
        if not account.open:
            del self._accounts[account.tenant]
            if account.used_s > self._reached_s - _CREDIT_S:
                if len(self._left) >= _MOST_LEFT:
                    self._left.clear()
                self._left[account.tenant] = account.used_s, self._clock()

    def _may_step(self, account: _Account) -> bool:
        """Return whether a coroutine may continue at once because nobody is ahead of it."""
        if account.line:
            return False
        account.used_s = max(account.used_s, self._reached_s - _CREDIT_S / account.open)
        if account.used_s + account.granted_s < self._reached_s:
            return True
        return not self._line and self._spent_s < self._slice_s

    def _turn(self, account: _Account) -> Generator[Any, None, float]:
        """Wait in line for a turn; return the cost at which it has been charged."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[float] = loop.create_future()
        self._put_in_line(account, turn)
        while True:
            try:
                expected_s = yield from turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    account.granted_s -= turn.result()
                raise
            if not self._is_too_late:
                return expected_s
            turn = loop.create_future()
            self._put_back(account, turn, expected_s)

    def _put_in_line(self, account: _Account, turn: "asyncio.Future[float] | _Callback") -> None:
        account.line.append(turn)
        if len(account.line) == 1:
            self._join(account)
        self._come_round()

    def _put_back(
        self, account: _Account, turn: "asyncio.Future[float] | _Callback", expected_s: float
    ) -> None:
        """Put a turn that was granted in front of its tenant's line."""
        account.granted_s -= expected_s
        account.line.appendleft(turn)
        if len(account.line) == 1:
            self._join(account)
        self._come_round()

    def _join(self, account: _Account) -> None:
        place_s = account.used_s + account.granted_s
        heappush(self._line, (place_s, next(self._numbers), account))

    def _note(self, account: _Account, took_s: float, expected_s: float) -> None:
        """Charge the tenant for a turn, in place of the cost expected when it was granted."""
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
        """Grant as many turns as fit into a slice, first to those tenants that have used least."""
        self._is_round_due = False
        self._round += 1
        self._round_began_s = self._processor_clock()
        self._spent_before_s, self._spent_s = self._spent_s, 0.0
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
                turn.grant(usual_s)
            elif usual_s:
                turn.set_result(usual_s)
            expected_s += usual_s
        if self._line:
            self._come_round()


class _Callback:
    """A callback that waits in line, with the context of the code that queued it."""

    __slots__ = ("_account", "_context", "_loop", "_work")

    def __init__(self, loop: FairLoop, account: _Account, work: Work) -> None:
        self._loop, self._account, self._work = loop, account, work
        self._context = copy_context()

    def done(self) -> bool:
        """Return whether the turn is no longer needed: never."""
        return False

    def grant(self, expected_s: float) -> None:
        """Take the turn in the next iteration of the loop, charged at its expected cost."""
        asyncio.get_running_loop().call_soon(self._take, expected_s, context=self._context)

    def _take(self, expected_s: float) -> None:
        loop = self._loop
        if loop._is_too_late:  # noqa: SLF001 - two halves of one thing
            loop._put_back(self._account, self, expected_s)  # noqa: SLF001
            return
        began_s = loop._clock()  # noqa: SLF001
        try:
            self._work()
        except Exception as failure:  # noqa: BLE001 - the others must have their turn all the same
            context = {"message": f"{self._work!r} failed", "exception": failure}
            asyncio.get_running_loop().call_exception_handler(context)
        finally:
            loop._note(self._account, loop._clock() - began_s, expected_s)  # noqa: SLF001
            loop._leave(self._account)  # noqa: SLF001


class _InTurns(Generic[T]):
    """A coroutine that is resumed in turns. A class costs less than another coroutine."""

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
                    try:
                        expected_s = yield from loop._turn(account)  # noqa: SLF001
                    except asyncio.CancelledError as cancelled:
                        failure = cancelled
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
