"""Runs that other processes carry on, where several share one journal.

Any process takes a command for any run. It decides on the journal's state, as the owner would,
and appends: that counts only where nobody was first, so that the answer, its refusals and its
idempotency are those of one process. Beside the append stands a wake, by which the owner goes on
from there; a ring of the bell only makes it look sooner. Nothing goes from process to process but
over the journal.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from app.telemetry import log
from journal import (
    WAKE,
    Bell,
    JournalError,
    Owners,
    Statement,
    WakeRow,
    WakeTable,
    run_number,
    shard_named,
    shard_of,
    wake,
)

_LOOK_EVERY_S = 1.0
"""How long a wake waits whose ring was lost."""

_PAUSE_S = 1.0


class Cluster:
    """What this process has to do with runs of others.

    Attributes:
        heed: Has a run looked at that this process owns; given the event that another appended for
            it to go on from, or 0. Raises nothing.
        beside: What else runs in the background while several processes share the journal.
    """

    def __init__(self, owners: Owners, bell: Bell, wakes: WakeTable) -> None:
        self.owners = owners
        self.bell = bell
        self.heed: Callable[[str, int], Awaitable[None]]
        self.beside: list[Callable[[], Awaitable[None]]] = []
        self._wakes = wakes
        self._news = asyncio.Event()
        self._untold: dict[str, int] = {}
        self._telling: asyncio.Task[None] | None = None
        bell.heard.setdefault(WAKE, []).append(self._heard)
        bell.on_gap.append(self._news.set)
        owners.on_gain.append(lambda _: self._news.set())

    def owns(self, run_id: str) -> bool:
        """Say whether this process carries a run on."""
        return self.owners.owns(shard_of(run_number(run_id)))

    def begins(self, run_id: str) -> bool:
        """Say whether this process begins further steps of a run."""
        return self.owners.begins(shard_of(run_number(run_id)))

    def owns_name(self, name: str) -> bool:
        """Say whether something that is to be done by one process is done by this one."""
        return self.owners.owns(shard_named(name))

    def wake(self, run_id: str, seq: int) -> Statement:
        """Return what is to be written beside an append to a run that another carries on."""
        return wake(run_id, seq)

    def woken(self, run_id: str) -> None:
        """Let the owner look soon: a wake of the run has become durable."""
        shard = shard_of(run_number(run_id))
        if self.owners.owns(shard):
            self._news.set()
        else:
            self.bell.ring(WAKE, str(shard))

    async def left_at(self, run_id: str, seq: int) -> int:
        """Return how a run was left that stands at an event and is inside a step.

        `seq` where another process left it before the attempt began, `-seq` where the attempt was
        cut off in good order, 0 where nobody knows.
        """
        return await self._wakes.left_at(run_id, seq)

    def tell(self, run_id: str, seq: int = 0) -> None:
        """Have the owner of a run look at it, in the background; `seq` is how it was left.

        Where this process ends before that is stored, whoever takes over what it owned looks for
        all such runs.
        """
        self._untold[run_id] = seq or self._untold.get(run_id, 0)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def told(self) -> None:
        """Wait until all that was told is stored."""
        if self._telling is not None:
            await asyncio.wait([self._telling])

    @property
    def is_telling(self) -> bool:
        """Whether something that was told is not stored yet."""
        return self._telling is not None

    async def run(self) -> None:
        """Heed wakes, and do what is to be done beside, until cancelled."""
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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._news.wait()

    async def _heed_some(self) -> int:
        """Heed the oldest wakes; return how many there were.

        They are forgotten before anything is done for them: a step that has begun must not be
        taken for one that was left to begin. What a crash loses so is found by who takes over.
        """
        rows = await self._wakes.of(self.owners.shards)
        if rows:
            await self._wakes.forget(rows)
            await asyncio.gather(*(self._heed(row) for row in rows))
        return len(rows)

    async def _heed(self, row: WakeRow) -> None:
        await self.heed(row.run_id, row.seq)

    async def _tell(self) -> None:
        try:
            while self._untold:
                told, self._untold = self._untold, {}
                try:
                    await self._wakes.add(sorted(told.items()))
                except JournalError as failure:
                    log.wakes_delayed(failure)
                    self._untold = {**told, **self._untold}
                    await asyncio.sleep(_PAUSE_S)
                    continue
                for run_id in told:
                    self.woken(run_id)
        finally:
            self._telling = None

    def _heard(self, name: str) -> None:
        if name.isdecimal() and self.owners.owns(int(name)):
            self._news.set()
