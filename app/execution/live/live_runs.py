"""The runs in memory: one copy of each, as long as something holds it.

All commands, timers and drivers of a run use the same copy, so its lock decides which comes first.
A run that is neither held nor driven leaves memory: a paused run exists only as rows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from app.concurrency.fair_share import FairShare
from app.definitions.versioned import DefinitionUnusable
from app.execution.live.live_run import LiveRun
from journal import Journal, UnknownRun
from steps.document.compiled import Definition

Load: TypeAlias = Callable[[str | None, str], "LoadedRun"]
"""Loads the run of a tenant, as `LiveRuns.load` or `LiveRuns.load_anew` does."""

DefinitionOf = Callable[[str, str, str, str], Awaitable[Definition]]
"""Returns the compiled definition of (tenant, workflow, version, body)."""


class LiveRuns:
    """The runs in memory, by id.

    Attributes:
        owns: Says whether this process carries a run on; None if there is no other process. A run
            of another process is never kept: each command reads it again.
        runs: How many there are, by tenant, and how many there may be.
        bytes: How many bytes they were started with.
    """

    def __init__(
        self, journal: Journal, definition_of: DefinitionOf, most_runs: int, most_bytes: int
    ) -> None:
        self.owns: Callable[[str], bool] | None = None
        self.runs = FairShare(most_runs)
        self.bytes = FairShare(most_bytes)
        self._journal = journal
        self._definition_of = definition_of
        self._live: dict[str, LiveRun] = {}
        self._loading: dict[str, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._live)

    def take_in(self, live: LiveRun) -> None:
        """Hold a run that is not in the journal yet; `let_go` has to be called for it."""
        self._keep(live)
        live.holders += 1

    def let_go(self, live: LiveRun) -> None:
        """Stop holding a run."""
        live.holders -= 1
        self.release(live)

    def load(self, tenant: str | None, run_id: str) -> "LoadedRun":
        """Hold the run in an `async with` block; read it from the journal unless it is in memory.

        Raises:
            UnknownRun: There is no such run, or it is another tenant's.
            Corrupt: Its history is not what was written.
        """
        return LoadedRun(self, tenant, run_id)

    def load_anew(self, tenant: str | None, run_id: str) -> "LoadedRun":
        """Hold a copy that is read now, as if another process carried the run on.

        The copy in memory may be behind what another process has appended. Raises as `load`.
        """
        return LoadedRun(self, tenant, run_id, anew=True)

    async def hold(self, tenant: str | None, run_id: str, *, anew: bool = False) -> LiveRun:
        """Hold the run as `load` or `load_anew` does, until `let_go`."""
        while anew or (live := self.peek(run_id)) is None:
            if anew or (self.owns is not None and not self.owns(run_id)):
                live = await self._read(tenant, run_id)
                live.is_ours = False
                break
            await self._load(tenant, run_id)
        if tenant is not None and live.tenant != tenant:
            raise UnknownRun(run_id)
        live.holders += 1
        return live

    def release(self, live: LiveRun) -> None:
        """Drop the run from memory if it is neither held nor driven, or if it is lost."""
        idle = live.holders == 0 and not live.is_driven
        if (idle or live.lost) and self._live.get(live.run.id) is live:
            del self._live[live.run.id]
            self._give_back(live)

    def give_up(self, live: LiveRun) -> None:
        """Stop keeping a run that belongs to another process now; present holders may continue.

        If a command still appends to its copy, the new owner continues from there.
        """
        live.is_ours = False
        if self._live.get(live.run.id) is live:
            del self._live[live.run.id]
            self._give_back(live)

    def _give_back(self, live: LiveRun) -> None:
        self.runs.give(live.tenant)
        self.bytes.give(live.tenant, live.size)

    def peek(self, run_id: str) -> LiveRun | None:
        """Return the run if it is in memory, without holding it."""
        live = self._live.get(run_id)
        return None if live is None or live.lost else live

    def all(self) -> list[LiveRun]:
        """Return all runs in memory."""
        return list(self._live.values())

    def _keep(self, live: LiveRun) -> None:
        if lost := self._live.pop(live.run.id, None):
            self._give_back(lost)
        self._live[live.run.id] = live
        self.runs.take(live.tenant)
        self.bytes.take(live.tenant, live.size)

    async def _load(self, tenant: str | None, run_id: str) -> None:
        """Read the run; if another caller is reading it, wait for that to end and look again.

        A run is never read twice at a time: the slower copy could be older than the journal.
        """
        if (loading := self._loading.get(run_id)) is not None:
            await loading.wait()
            return
        loading = self._loading[run_id] = asyncio.Event()
        try:
            live = await self._read(tenant, run_id)
            if self.peek(run_id) is None:
                self._keep(live)
        finally:
            del self._loading[run_id]
            loading.set()

    async def _read(self, tenant: str | None, run_id: str) -> LiveRun:
        head, run = await self._journal.events.run(run_id, tenant)
        try:
            definition: Definition | DefinitionUnusable = await self._definition_of(
                head.tenant, run.workflow_id, run.version, run.body
            )
        except DefinitionUnusable as unusable:
            definition = unusable
        return LiveRun(head.tenant, run, head, definition, may_have_children=True)


class LoadedRun:
    """A run in memory while the block lasts. A class, since a generator costs four times more."""

    __slots__ = ("_anew", "_live", "_live_runs", "_run_id", "_tenant")

    def __init__(
        self, live_runs: LiveRuns, tenant: str | None, run_id: str, *, anew: bool = False
    ) -> None:
        self._live_runs, self._tenant, self._run_id = live_runs, tenant, run_id
        self._anew = anew

    async def __aenter__(self) -> LiveRun:
        self._live = await self._live_runs.hold(self._tenant, self._run_id, anew=self._anew)
        return self._live

    async def __aexit__(self, *_: object) -> None:
        self._live_runs.let_go(self._live)
