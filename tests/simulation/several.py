"""Several processes on one disk: locks end with their sessions, and notifications get lost."""

import asyncio
from collections.abc import Callable, Collection
from random import Random

from journal import LockView, SessionLost, run_number, shard_of
from tests.simulation.disk import Life
from tests.simulation.observer import Observer


class Sessions:
    """The database's view: which session holds which shard."""

    def __init__(self, random: Random, observer: Observer) -> None:
        self.random, self._observer = random, observer
        self.live: list[SimulatedLocks] = []
        self.rings: list[SimulatedBell] = []
        self.lost_s: dict[int, float] = {}
        self.moves = 0

    def holder(self, shard: int) -> "SimulatedLocks | None":
        return next((locks for locks in self.live if shard in locks.held), None)

    def is_late(self, run_id: str, life: Life, within_s: float) -> bool:
        """Return whether a process acts for a run that it no longer has or has recently lost."""
        shard = shard_of(run_number(run_id))
        holder = self.holder(shard)
        lost_s = self.lost_s.get(shard, -within_s)
        is_here = holder is not None and holder.life is life
        return not is_here or self._observer.now_s() < lost_s + within_s

    def end(self, locks: "SimulatedLocks") -> None:
        """End a session, which releases its locks."""
        if locks in self.live:
            self.live.remove(locks)
            self.moves += len(locks.held)
            if locks.life.alive:
                self.lost_s |= dict.fromkeys(locks.held, self._observer.now_s())
            locks.held = frozenset()

    def cut_one(self) -> None:
        """End the session of a running process, which does not know it yet."""
        if self.live:
            locks = self.random.choice(self.live)
            self._observer.say(f"locks: the session of life {locks.life.number} ends")
            self.end(locks)

    def taken(self, locks: "SimulatedLocks", shards: Collection[int]) -> frozenset[int]:
        """Lock the shards that no other session holds."""
        came = frozenset(shard for shard in shards if self.holder(shard) is None)
        locks.held |= came
        return came


class SimulatedLocks:
    """The session of one process."""

    def __init__(self, sessions: Sessions, life: Life) -> None:
        self.life = life
        self.held: frozenset[int] = frozenset()
        self.has_left = False
        self._sessions = sessions

    async def open(self) -> None:
        self._sessions.live.append(self)

    async def look(self) -> LockView:
        await self._answer()
        live = self._sessions.live
        taken = frozenset[int]().union(*(locks.held for locks in live))
        places = [locks for locks in live if locks is self or not locks.has_left]
        return LockView(places.index(self), len(places), taken)

    async def take(self, shards: Collection[int]) -> frozenset[int]:
        await self._answer()
        return self._sessions.taken(self, shards)

    async def give(self, shards: Collection[int]) -> None:
        await self._answer()
        self.held -= frozenset(shards)
        self._sessions.moves += len(shards)

    async def leave(self) -> None:
        await self._answer()
        self.has_left = True

    async def close(self) -> None:
        self._sessions.end(self)

    async def _answer(self) -> None:
        await asyncio.sleep(self._sessions.random.choice((0, 0.001, 0.02)))
        if self not in self._sessions.live:
            raise SessionLost


class SimulatedBell:
    """Notifications between processes, which arrive late or never."""

    def __init__(self, sessions: Sessions, life: Life, lost: float) -> None:
        self.heard: dict[str, list[Callable[[str], None]]] = {}
        self.on_gap: list[Callable[[], None]] = []
        self._sessions, self._life, self._lost = sessions, life, lost
        sessions.rings.append(self)

    def ring(self, topic: str, name: str = "") -> None:
        random, loop = self._sessions.random, asyncio.get_running_loop()
        for other in self._sessions.rings:
            if other is not self and other._life.alive and random.random() >= self._lost:
                loop.call_later(random.choice((0, 0.001, 0.3)), other._hear, topic, name)

    def _hear(self, topic: str, name: str) -> None:
        if self._life.alive:
            for heard in self.heard.get(topic, ()):
                heard(name)
