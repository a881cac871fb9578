"""Runs that other processes drive, when several processes share one journal.

Any process takes a command for any run. It decides on the journal's state, as the owner would, and
appends. The append counts only if no other process has appended first, so answers, refusals and
idempotency are the same as with one process. A wake is written with the append, and the owner goes
on from it; a ring of the bell only makes the owner look sooner. Processes communicate only through
the journal.
"""

import asyncio
from collections.abc import Awaitable, Callable

from app.concurrency.until_set import until_set
from app.telemetry import log
from journal import (
    WAKE,
    Bell,
    JournalError,
    Owners,
    WakeRow,
    WakeTable,
    run_number,
    shard_named,
    shard_of,
)

_LOOK_EVERY_S = 1.0
"""How many seconds a wake waits if its ring was lost."""

_PAUSE_S = 1.0


class Cluster:
    """What this process does about runs of other processes.

    Attributes:
        heed: Looks at a run that this process owns; takes the event of another process from which
            to continue, or 0. Raises nothing.
        beside: What else runs in the background while several processes share the journal.
    """

    def __init__(self, owners: Owners, bell: Bell, wakes: WakeTable) -> None:
        self.owners = owners
        self.bell = bell
        self.heed: Callable[[str, int], Awaitable[None]]
        self.beside: list[Callable[[], Awaitable[None]]] = []
        self._wakes = wakes
        self._news = asyncio.Event()
        self._asked: dict[str, int] = {}
        self._asking: asyncio.Task[None] | None = None
        bell.heard.setdefault(WAKE, []).append(self._heard)
        bell.on_gap.append(self._news.set)
        owners.on_gain.append(lambda _: self._news.set())

    def owns(self, run_id: str) -> bool:
        """Return whether this process carries a run on."""
        return self.owners.owns(shard_of(run_number(run_id)))

    def begins(self, run_id: str) -> bool:
        """Return whether this process may begin further steps of a run."""
        return self.owners.begins(shard_of(run_number(run_id)))

    def owns_name(self, name: str) -> bool:
        """Return whether this process is the one that does a task which one process is to do."""
        return self.owners.owns(shard_named(name))

    def woken(self, run_id: str) -> None:
        """Make the owner look soon: a wake of the run has become durable."""
        shard = shard_of(run_number(run_id))
        if self.owners.owns(shard):
            self._news.set()
        else:
            self.bell.ring(WAKE, str(shard))

    async def left_at(self, run_id: str, seq: int) -> int:
        """Return how a run was left that is inside a step, at an event of its history.

        `seq` if another process left it before the attempt began, `-seq` if the attempt was cut off
        in an orderly stop, 0 if that is unknown.
        """
        return await self._wakes.left_at(run_id, seq)

    def ask_owner(self, run_id: str, seq: int = 0) -> None:
        """Ask the owner of a run to look at it, in the background; `seq` says how it was left.

        If this process ends before that is stored, the process that takes over its shards looks for
        all such runs.
        """
        self._asked[run_id] = seq or self._asked.get(run_id, 0)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())

    async def flush(self) -> None:
        """Wait until all that was passed to `ask_owner` is stored."""
        if self._asking is not None:
            await asyncio.wait([self._asking])

    @property
    def is_asking(self) -> bool:
        """Whether something that was passed to `ask_owner` is not stored yet."""
        return self._asking is not None

    async def run(self) -> None:
        """Heed wakes and run the background work, until cancelled."""
        await asyncio.gather(self._heed_all(), *(work() for work in self.beside))

    async def _heed_all(self) -> None:
        while True:
            self._news.clear()
            try:
                while await self._heed_some():
                    pass
            except JournalError as failure:
                log.wakes_delayed(failure)
                await asyncio.sleep(_PAUSE_S)
            await until_set(self._news, _LOOK_EVERY_S)

    async def _heed_some(self) -> int:
        """Heed the oldest wakes; return how many there were.

        They are deleted before they are acted on, so that a step that has begun is not taken for
        one that was left before it began. The next owner finds what a crash loses this way.
        """
        rows = await self._wakes.of(self.owners.shards)
        if rows:
            await self._wakes.forget(rows)
            await asyncio.gather(*(self._heed(row) for row in rows))
        return len(rows)

    async def _heed(self, row: WakeRow) -> None:
        await self.heed(row.run_id, row.seq)

    async def _ask(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    await self._wakes.add(sorted(asked.items()))
                except JournalError as failure:
                    log.wakes_delayed(failure)
                    self._asked = {**asked, **self._asked}
                    await asyncio.sleep(_PAUSE_S)
                    continue
                for run_id in asked:
                    self.woken(run_id)
        finally:
            self._asking = None

    def _heard(self, name: str) -> None:
        if name.isdecimal() and self.owners.owns(int(name)):
            self._news.set()
