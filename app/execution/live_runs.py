"""Which runs are in memory: one copy of each, for as long as somebody holds it.

All commands, timers and drivers of a run meet in the one copy, so that its lock decides who
comes first. A run that nobody holds and nobody drives leaves memory: a paused run is rows.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.concurrency.fair_share import FairShare
from app.definitions.versioned import DefinitionUnusable
from app.execution.live_run import LiveRun
from journal import Journal, UnknownRun
from steps.compiled import Definition

DefinitionOf = Callable[[str, str, str, str], Awaitable[Definition]]
"""Returns the compiled definition of (tenant, workflow, version, body)."""


class LiveRuns:
    """The runs in memory, by id.

    Attributes:
        runs: How many there are, by tenant, and how many there may be.
        bytes: How many bytes they were started with.
    """

    def __init__(
        self, journal: Journal, definition_of: DefinitionOf, most_runs: int, most_bytes: int
    ) -> None:
        self.runs = FairShare(most_runs)
        self.bytes = FairShare(most_bytes)
        self._journal = journal
        self._definition_of = definition_of
        self._live: dict[str, LiveRun] = {}
        self._loading: dict[str, tuple[str | None, asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return len(self._live)

    @asynccontextmanager
    async def new(self, live: LiveRun) -> AsyncIterator[None]:
        """Hold a run that is not in the journal yet."""
        self._keep(live)
        live.holders += 1
        try:
            yield
        finally:
            live.holders -= 1
            self.release(live)

    @asynccontextmanager
    async def load(self, tenant: str | None, run_id: str) -> AsyncIterator[LiveRun]:
        """Hold the run, read from the journal unless it is in memory.

        Raises:
            UnknownRun: There is no such run, or it is another tenant's.
            Corrupt: Its history is not what was written.
        """
        while (live := self.peek(run_id)) is None:
            await self._load(tenant, run_id)
        live.holders += 1
        try:
            if tenant is not None and live.tenant != tenant:
                raise UnknownRun(run_id)
            yield live
        finally:
            live.holders -= 1
            self.release(live)

    def release(self, live: LiveRun) -> None:
        """Drop the run from memory if nobody holds it, nobody drives it, or it is lost."""
        idle = live.holders == 0 and not live.is_driven
        if (idle or live.lost) and self._live.get(live.run.id) is live:
            del self._live[live.run.id]
            self._give_back(live)

    def _give_back(self, live: LiveRun) -> None:
        self.runs.give(live.tenant)
        self.bytes.give(live.tenant, live.size)

    def peek(self, run_id: str) -> LiveRun | None:
        """Return the run if it is in memory, without holding it."""
        live = self._live.get(run_id)
        return None if live is None or live.lost else live

    def _keep(self, live: LiveRun) -> None:
        if lost := self._live.pop(live.run.id, None):
            self._give_back(lost)
        self._live[live.run.id] = live
        self.runs.take(live.tenant)
        self.bytes.take(live.tenant, live.size)

    async def _load(self, tenant: str | None, run_id: str) -> None:
        """Read the run once, however many ask for it meanwhile; not what is another tenant's.

        Never twice at a time: the slower of two could keep what the journal no longer says.
        """
        asked_for, loading = self._loading.get(run_id, (tenant, None))
        if loading is not None and asked_for != tenant:
            await asyncio.wait([loading])  # what came of it is for who asked; look again
            return
        if loading is None:
            loading = asyncio.ensure_future(self._read(tenant, run_id))
            loading.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._loading[run_id] = (tenant, loading)
        await asyncio.shield(loading)

    async def _read(self, tenant: str | None, run_id: str) -> None:
        try:
            head, run = await self._journal.events.run(run_id, tenant)
            try:
                definition: Definition | DefinitionUnusable = await self._definition_of(
                    head.tenant, run.workflow_id, run.version, run.body
                )
            except DefinitionUnusable as unusable:
                definition = unusable
            if self.peek(run_id) is None:
                self._keep(LiveRun(head.tenant, run, head, definition, may_have_children=True))
        finally:
            # Here and not in a callback: whoever asks between the two, when the run has been
            # read and released again, would wait for what is done, and ask again, for ever.
            del self._loading[run_id]
