"""Lets this process share one journal with others: what it takes part in, and how it leaves.

None of this is used when the journal is in one folder.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from app.auth.callers import Authenticator
from app.auth.sessions import Sessions
from app.changes import Changes
from app.clock import Clock, StoreClock
from app.definitions.agents import Agents
from app.definitions.workflows import Workflows
from app.execution.live.cluster import Cluster
from app.secrets.vault import Secrets
from app.spending.spending import Spending
from app.telemetry import log
from app.telemetry.background_work import kept_up
from app.tools.mcp.sign_ins import SignIns
from app.triggers.triggers import Triggers
from app.webhooks.registry import Webhooks
from engine.value import value
from journal import RUN, SHARDS_MOVED, JournalError, LockView, Shared

_PAUSE_S = 1.0


@value(frozen=True, slots=True)
class Kept:
    """Parts that keep in memory what other processes may change."""

    authenticator: Authenticator
    sessions: Sessions
    secrets: Secrets
    workflows: Workflows
    agents: Agents
    mcp_sign_ins: SignIns


@value(frozen=True, slots=True)
class Once:
    """Parts whose work only one process may do at a time."""

    webhooks: Webhooks
    triggers: Triggers
    spending: Spending


class Sharing:
    """Connects this process to the other processes."""

    def __init__(
        self,
        shared: Shared,
        cluster: Cluster,
        changes: Changes,
        try_to_write: Callable[[], Awaitable[None]],
    ) -> None:
        """Take the ports, and a function that checks that the journal can be written."""
        self._try_to_write = try_to_write
        self._can_write = False
        self._shared = shared
        self._cluster = cluster
        self._changes = changes
        self._tasks: list[asyncio.Task[None]] = []
        self._working: set[asyncio.Task[None]] = set()
        shared.owners.on_gain.append(self._note_gain)
        shared.owners.on_loss.append(self._note_loss)

    @property
    def shards(self) -> int:
        """How many shards belong to this process."""
        return len(self._shared.owners.shards)

    @property
    def is_taking_part(self) -> bool:
        """Whether this process owns runs, and has written to the journal since it got them."""
        return self._can_write and self.shards > 0

    @property
    def processes(self) -> int:
        """How many processes share the journal."""
        return self._shared.owners.processes

    def owns_name(self, name: str) -> bool:
        """Return whether this process does the work of this name, which only one process may do."""
        return self._cluster.owns_name(name)

    def take_part(self, clock: Clock, rates: Collection[Callable[[int], None]]) -> None:
        """Use the database's clock, and let through this process's part of each rate."""

        def set_clock() -> None:
            store_ms = self._shared.now_ms()
            if store_ms is not None and isinstance(clock, StoreClock):
                clock.set_by(store_ms)

        def looked(view: LockView) -> None:
            set_clock()
            for share in rates:
                share(view.processes)

        set_clock()
        self._shared.owners.on_look.append(looked)

    def keep_up(self, kept: Kept) -> None:
        """Reload what is kept in memory whenever another process has changed it."""

        async def definitions() -> None:
            kept.workflows.forget_chosen()
            kept.agents.forget_chosen()

        self._changes.others += (
            kept.authenticator.load, kept.secrets.load, definitions, kept.mcp_sign_ins.load,
        )  # fmt: skip
        self._changes.sessions.append(kept.sessions.load)

    def do_once(self, once: Once) -> None:
        """Do the work here that belongs to this process, as its shards decide."""
        once.webhooks.owns = self._cluster.owns_name
        once.webhooks.on_redeliver = lambda tenant: self._cluster.bell.ring(RUN, f"{tenant}/")
        once.triggers.share(self._cluster.owns_name)
        once.spending.share()
        self._changes.others += (once.webhooks.refresh, once.triggers.refresh)
        owners = self._shared.owners
        owners.on_gain.append(lambda shards: self._begin(lambda: once.spending.gained(shards)))
        for listeners in (owners.on_gain, owners.on_loss):
            listeners.append(lambda _: self._begin(once.webhooks.refresh))
            listeners.append(lambda _: self._begin(once.triggers.refresh))

    async def open(self) -> None:
        """Start to take part."""
        works: tuple[Callable[[], Awaitable[None]], ...] = (
            self._shared.owners.run,
            self._shared.listen,
            self._cluster.run,
            self._changes.run,
        )
        self._tasks = [asyncio.create_task(kept_up(work)) for work in works]
        self._cluster.bell.ring(SHARDS_MOVED)

    async def leave(self, grace_s: float) -> None:
        """Give all shards away as their work ends, and after `grace_s` seconds in any case."""
        await self._shared.owners.close(grace_s)

    async def close(self) -> None:
        """Stop taking part."""
        for task in (*self._tasks, *self._working):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._working, return_exceptions=True)

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._until_done(work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await work()
            except JournalError as failure:
                log.changes_delayed(failure)
                await asyncio.sleep(_PAUSE_S)

    async def _see_that_it_writes(self) -> None:
        await self._try_to_write()  # the connection may be older than an outage of the database
        self._can_write = True

    def _note_gain(self, shards: frozenset[int]) -> None:
        if not self._can_write:
            self._begin(self._see_that_it_writes)
        log.shards_gained(len(shards), self.shards, self.processes)

    def _note_loss(self, shards: frozenset[int]) -> None:
        self._can_write = self._can_write and self.shards > 0
        log.shards_given(len(shards), self.shards, self.processes)
