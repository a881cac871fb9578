"""Signals: stored, and delivered to the runs that wait for them.

A signal is a row, and what a run waits for is stored in the run's own row, so nothing is kept in
memory. Three things can bring the two together: a signal is sent, a run begins to wait, or the
server starts. Each of them reads the oldest signal of the name and key and the run that has waited
longest, and lets that run continue. The signal is marked as taken in the transaction of the run's
event, so a crash leaves both unchanged or both changed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeAlias
from weakref import WeakValueDictionary

from app.auth.caller import Caller
from app.auth.roles import Role
from app.clock import Clock
from app.definitions.versioned import DefinitionUnusable
from app.execution.answering.answers import accept
from app.execution.live.appends import Appends
from app.execution.live.live_run import Due, LiveRun, RunLost
from app.execution.live.live_runs import LiveRuns, Load
from app.telemetry import log
from engine import SIGNAL_PAUSE, AnswerKey, Event, JsonObject, Recorded, iso_time
from engine.value import value
from journal import (
    UNREADABLE,
    Journal,
    JournalError,
    KeptSignal,
    NewSignal,
    UnknownRun,
    insert_signal,
    take_signal,
)
from steps.contract.step_type import StepBroke
from steps.effects.outgoing import OutgoingSignal

MOST_KEPT = 10_000
"""How many signals of one tenant may wait for runs to take them."""

IDS_KEPT_MS = 7 * 86_400_000
"""The shortest time for which a signal's id is remembered to ignore repeats, in milliseconds."""

_LOOK_EVERY_S = 60
Key: TypeAlias = tuple[str, str, str]


@value(frozen=True, slots=True)
class Sent:
    """The result of sending a signal.

    Attributes:
        delivered_to: The runs that have taken it.
        is_kept: Whether it is stored until a run takes it.
        is_new: False if a signal with its id had been sent before.
    """

    delivered_to: list[str]
    is_kept: bool
    is_new: bool


class Signals:
    """Delivers signals to runs.

    Attributes:
        carry_on: Drives a run that has been given a signal.
        is_here: Says whether this process is the one, of those that share the journal, that looks
            at all stored signals.
        on_wait: Called with a run that has paused to wait for a signal, once no stored signal has
            let it continue.
    """

    def __init__(
        self, journal: Journal, clock: Clock, appends: Appends, live_runs: LiveRuns
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._appends = appends
        self._live_runs = live_runs
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: set[Key] = set()
        self._looked_for: set[str] = set()
        self._has_gained = False
        self.carry_on: Callable[[LiveRun], None] = lambda _: None
        self.is_here: Callable[[], bool] = lambda: True
        self.on_wait: list[Callable[[LiveRun], None]] = []

    def is_looked_for(self, run_id: str) -> bool:
        """Return whether a stored signal may be there for a run that has begun to wait."""
        return run_id in self._looked_for

    async def send(self, tenant: str, signal: NewSignal) -> Sent:
        """Store a signal and give it to a run that waits for it; durable when this returns.

        Raises:
            TooManySignals: The tenant has as many undelivered signals as it may have.
        """
        kept = await self._journal.signals.send(tenant, signal, MOST_KEPT)
        if kept.is_new and kept.positions:
            await self._match_or_log((tenant, signal.name, signal.key))
        takers = await self._journal.signals.taken_by(kept.positions)
        return Sent(takers, len(takers) < len(kept.positions), kept.is_new)

    async def send_from(self, live: LiveRun, doing: Due, signal: OutgoingSignal) -> None:
        """Store a step's signal with the record that it has been sent. Raises `StepBroke`."""
        if await self._journal.signals.is_full(live.tenant, MOST_KEPT):
            message = f"{MOST_KEPT} signals wait for runs to take them, which is the limit"
            raise StepBroke("TooManySignals", message)
        now_ms = self._clock.now_ms()
        new = NewSignal(
            signal.name,
            signal.key,
            signal.data,
            now_ms,
            now_ms + signal.keep_ms,
            now_ms,
            to_all=signal.to_all,
        )
        named: JsonObject = {"name": signal.name, "key": signal.key}
        recorded = Recorded(doing.step_id, doing.visit, "sent", named)
        await self._appends.keep(
            live, recorded, lambda connection: insert_signal(connection, live.tenant, new)
        )
        self._soon(self._match_or_log((live.tenant, signal.name, signal.key)))

    def appended(self, live: LiveRun, _: Sequence[Event]) -> None:
        """Look for a stored signal when a run has paused to wait for one."""
        if waits := live.run.awaited_signal:
            self._looked_for.add(live.run.id)
            self._soon(self._look_for(live, (live.tenant, *waits)))

    async def _look_for(self, live: LiveRun, key: Key) -> None:
        """Give a run a stored signal, or report that it waits; it stays in memory meanwhile."""
        held = live
        try:
            async with self._live_runs.load(live.tenant, live.run.id) as held:
                await self._match_or_log(key)
        except (RunLost, JournalError) as failure:
            log.signals_delayed(failure)
        finally:
            self._looked_for.discard(live.run.id)
        if held.run.awaited_signal is not None and held.is_durable:  # else the append to come looks
            for heard in self.on_wait:
                heard(held)

    async def run(self) -> None:
        """Look at all stored signals at intervals, and soon at failed ones, until cancelled."""
        while True:
            self._has_gained = False
            if self.is_here():
                await self._look()
            for _ in range(_LOOK_EVERY_S):
                await asyncio.sleep(1)
                if self._has_gained:
                    break
                failed, self._failed = self._failed, set()
                for key in sorted(failed):
                    await self._match_or_log(key)

    def gained(self, _: frozenset[int]) -> None:
        """Look soon at all stored signals: the process that did so may have ended half-way."""
        self._has_gained = True

    async def _look(self) -> None:
        try:
            now_ms, forgotten = self._clock.now_ms(), -1
            while forgotten:
                forgotten = await self._journal.signals.forget(now_ms)
            for key in await self._journal.signals.waited_for(now_ms):
                await self._match_or_log(key)
        except JournalError as failure:
            log.signals_delayed(failure)

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _match_or_log(self, key: Key) -> None:
        try:
            await self._match(key)
        except Exception as failure:  # noqa: BLE001 - looked at again, and logged
            log.signals_delayed(failure)
            self._failed.add(key)

    async def _match(self, key: Key) -> None:
        """Give the signals of a name and key to runs, as long as there are both."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            stuck: set[str] = set()
            while found := await self._journal.signals.match(*key, self._clock.now_ms(), stuck):
                signal, run_id = found
                if run_id is None:
                    return
                if not await self._is_given(signal, run_id):
                    stuck.add(run_id)

    async def _is_given(self, signal: KeptSignal, run_id: str) -> bool:
        """Let a run continue with a signal; return False if it cannot, now or ever."""
        try:
            if await self._is_taken(signal, run_id, self._live_runs.load):
                return True
            # The copy in memory may be behind what another process has appended.
            is_shared = self._appends.is_shared
            return is_shared and await self._is_taken(signal, run_id, self._live_runs.load_anew)
        except (UnknownRun, RunLost):
            return False
        except DefinitionUnusable as unusable:
            log.run_stuck(run_id, unusable)
            return False
        except UNREADABLE as unreadable:
            log.run_stands_still(run_id, unreadable)
            return False

    async def _is_taken(self, signal: KeptSignal, run_id: str, load: Load) -> bool:
        async with load(signal.tenant, run_id) as live:
            async with live.lock:
                await self._appends.append(live)
                if live.run.awaited_signal != (signal.name, signal.key):
                    return False  # another command came first
                now_ms = self._clock.now_ms()
                caller = Caller(signal.tenant, Role.OPERATOR, "signal")
                happened = accept(live, _answer(signal), caller, now_ms, AnswerKey())
                self._appends.take(live, happened)
                await self._appends.append(live, take_signal(signal.position, run_id, now_ms))
            self.carry_on(live)
        return True


def _answer(signal: KeptSignal) -> JsonObject:
    shown: JsonObject = {
        "name": signal.name,
        "key": signal.key,
        "data": signal.data,
        "id": signal.sender_id,
        "sentAt": iso_time(signal.sent_at_ms),
    }
    return {"type": SIGNAL_PAUSE, "signal": shown}
