"""Ownership by session locks: each process takes its share of the shards and gives the rest away.

A process may use what it owns until `_SURE_S` after the last answer of its session. The database
ends a session that has been silent for longer (`SILENT_MS`). A process that was suspended or cut
off has therefore stopped using a shard before another process can take it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from random import Random

from journal.processes.locks import Locks, LockView, SessionLost
from journal.processes.owners import ALL_SHARDS, SHARDS, ShardsHeard

SILENT_MS = 5_000
"""After how many milliseconds of silence the database ends a session."""

_SURE_S = 4.0
_LOOK_EVERY_S = 1.0
_LOOK_SOON_S = 0.2
"""How often a process looks that has too few shards, or gives some away, in seconds."""

_LOOK_OFTEN_S = 0.05
"""How often a process that is about to end checks its runs, in seconds."""

_PATIENCE_S = 2.0
"""For how many seconds work may keep a shard from being given away, until another is tried."""

_AGAIN_S = 5.0
"""For how many seconds a shard that could not be given away is left alone."""


class SharedOwners:
    """The shards of this process, as `Owners`.

    Attributes:
        on_look: Called with each answer of the session that holds the locks.
        on_give: Called when shards have been given away, which others may want now.
    """

    def __init__(
        self,
        locks: Locks,
        chance: Random | None = None,
    ) -> None:
        """Take the locks of the process."""
        self.on_look: list[Callable[[LockView], None]] = []
        self.on_give: Callable[[], None] = lambda: None
        self._chance = chance or Random()  # noqa: S311 - no secret
        self.on_gain: list[ShardsHeard] = []
        self.on_leave: list[ShardsHeard] = []
        self.on_return: list[ShardsHeard] = []
        self.on_loss: list[ShardsHeard] = []
        self.under_way: Callable[[], Collection[int]] = frozenset
        self._locks = locks
        self._held = set[int]()
        self._leaving: dict[int, float] = {}
        self._kept: dict[int, float] = {}
        self._sure_until_s = 0.0
        self._expiry: asyncio.TimerHandle | None = None
        self._is_open = False
        self._has_left = self._is_over = False
        self._closing = asyncio.Event()
        self._alarm = asyncio.Event()
        self._has_none = asyncio.Event()
        self._standing = LockView(0, 1, frozenset())

    @property
    def processes(self) -> int:
        """How many processes share the journal, this one included."""
        return self._standing.processes

    @property
    def shards(self) -> Collection[int]:
        """The shards that belong to this process now."""
        return self._held if self._is_sure() else ()

    def owns(self, shard: int) -> bool:
        """Return whether a shard belongs to this process now."""
        return shard in self._held and self._is_sure()

    def begins(self, shard: int) -> bool:
        """Return whether new work of a shard begins here."""
        return shard in self._held and shard not in self._leaving and self._is_sure()

    def _is_sure(self) -> bool:
        return asyncio.get_running_loop().time() < self._sure_until_s

    async def run(self) -> None:
        """Take and give shards until cancelled; a lost session is replaced by a new one."""
        try:
            while True:
                await self._turn()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):
                        await self._alarm.wait()
                self._alarm.clear()
                await asyncio.sleep(_LOOK_OFTEN_S)
        finally:  # shards that nobody serves must not stay locked
            await self._lost()

    async def _turn(self) -> None:
        if self._is_over:
            return  # another session would be counted among the processes
        try:
            async with asyncio.timeout(_SURE_S):
                if not self._is_open:
                    asked_s = asyncio.get_running_loop().time()
                    await self._locks.open()
                    self._is_open = True
                    self._confirmed(asked_s + _SURE_S)
                await self._look()
        except (SessionLost, TimeoutError):
            await self._lost()

    def look_soon(self) -> None:
        """Look at the locks soon: another process has given shards away, or has joined."""
        self._alarm.set()

    async def close(self, grace_s: float) -> None:
        """Give all shards away as their work finishes; after `grace_s` seconds, all that are left.

        Nothing new begins. `run` continues until this returns.
        """
        self._closing.set()
        self._alarm.set()
        if self._held:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._has_none.wait()
        self._is_over = True
        await self._lost()

    async def _look(self) -> None:
        asked_s = asyncio.get_running_loop().time()
        standing = await self._locks.look()
        if not self._is_sure():
            # Too late: work has been refused meanwhile and must be found again. The session still
            # holds the locks of what was dropped, so no other process could take it.
            raise SessionLost
        self._confirmed(asked_s + _SURE_S)
        self._standing = standing
        for heard in self.on_look:
            heard(standing)
        share = 0 if self._closing.is_set() else _share(standing)
        if self._closing.is_set() and not self._has_left:
            self._has_left = True
            await self._locks.leave()  # otherwise nobody takes any shard before the last is given
        if len(self._held) > share:
            self._begin_to_leave(len(self._held) - share)
        elif self._leaving:
            self._stay(self._leaving)
        await self._give()
        if len(self._held) < share:
            await self._take(share - len(self._held), standing.taken)

    def _confirmed(self, until_s: float) -> None:
        self._sure_until_s = until_s
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_at(until_s, self._drop_all)

    async def _take(self, count: int, taken: frozenset[int]) -> None:
        free = sorted(ALL_SHARDS - taken - self._held)
        # Chosen at random, so that processes that start together do not all want the same.
        wanted = self._chance.sample(free, min(count, len(free)))
        if wanted and (came := await self._locks.take(wanted)):
            self._held |= came
            self._tell(self.on_gain, came)

    def _begin_to_leave(self, count: int) -> None:
        """Choose shards to give away, those without work under way first."""
        now_s = asyncio.get_running_loop().time()
        self._kept = {shard: until_s for shard, until_s in self._kept.items() if until_s > now_s}
        late = [shard for shard, until_s in self._leaving.items() if until_s <= now_s]
        if late and not self._closing.is_set():
            self._kept |= dict.fromkeys(late, now_s + _AGAIN_S)
            self._stay(late)
        missing = count - len(self._leaving)
        if missing < 0 and not self._closing.is_set():
            self._stay(list(self._leaving)[missing:])
        if missing > 0:
            busy = self.under_way()
            free = [one for one in self._held if one not in self._leaving and one not in self._kept]
            chosen = sorted(free, key=lambda shard: (shard in busy, shard))[:missing]
            self._leaving |= dict.fromkeys(chosen, now_s + _PATIENCE_S)
            if chosen:
                self._tell(self.on_leave, frozenset(chosen))

    def _stay(self, shards: Collection[int]) -> None:
        came_back = frozenset(shards)
        for shard in came_back:
            self._leaving.pop(shard, None)
        if came_back:
            self._tell(self.on_return, came_back)

    async def _give(self) -> None:
        busy = self.under_way() if self._leaving else ()
        gone = frozenset(shard for shard in self._leaving if shard not in busy)
        if gone:
            self._forget(gone)
            await self._locks.give(gone)
            self.on_give()

    def _forget(self, shards: frozenset[int]) -> None:
        """Stop owning shards, before another process can own them."""
        self._held -= shards
        for shard in shards:
            self._leaving.pop(shard, None)
        self._tell(self.on_loss, shards)
        if not self._held and self._closing.is_set():
            self._has_none.set()

    def _drop_all(self) -> None:
        self._sure_until_s = 0.0
        if self._held:
            self._forget(frozenset(self._held))

    async def _lost(self) -> None:
        self._drop_all()
        if self._expiry is not None:
            self._expiry.cancel()
        if self._is_open:
            self._is_open = self._has_left = False
            await self._locks.close()

    def _pause_s(self) -> float:
        if self._closing.is_set():
            return 0
        is_moving = self._leaving or len(self._held) < _share(self._standing)
        return _LOOK_SOON_S if is_moving else _LOOK_EVERY_S

    def _tell(self, listeners: list[ShardsHeard], shards: frozenset[int]) -> None:
        for heard in listeners:
            heard(shards)


def _share(standing: LockView) -> int:
    """Return how many shards a process is to have."""
    each, over = divmod(SHARDS, standing.processes)
    return each + (standing.place < over)
