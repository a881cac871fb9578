"""Makes new runs: gives them ids, and holds them in memory until their start is durable."""

from collections.abc import Sequence
from dataclasses import replace

from app.clock import Clock
from app.execution.live.appends import Appends
from app.execution.live.live_run import LiveRun
from app.execution.live.live_runs import LiveRuns
from app.execution.starting.new_run import NewRun
from app.telemetry.traces import with_trace
from engine import Event, JsonObject, apply
from journal import NO_SHARDS, SHARDS, DuplicateStart, Owners, Unavailable, VariableTable, shard_of


class Starts:
    """Makes new runs, with increasing ids."""

    def __init__(  # noqa: PLR0913 - the parts below it, each passed in
        self,
        appends: Appends,
        live_runs: LiveRuns,
        variables: VariableTable,
        clock: Clock,
        last_number: int,
        *,
        traced: bool = False,
        owners: Owners | None = None,
    ) -> None:
        """Take the number of the newest run in the journal, 0 if there is none.

        With `owners`, new runs belong to shards of this process: no other process gives out their
        numbers, and they are driven where they are started. `traced` gives each run a trace if
        its caller has named none.
        """
        self._traced = traced
        self._variables = variables
        self._appends = appends
        self._live_runs = live_runs
        self._clock = clock
        self._last_number = last_number
        self._owners = owners

    def follow(self, number: int) -> None:
        """Give only numbers after this one: another process has used it."""
        self._last_number = max(self._last_number, number)

    async def hold_new(self, new: NewRun) -> LiveRun:
        """Return a new run that is not durable yet, held in memory until `let_go`."""
        variables = new.vars
        if variables is None:
            names = new.variables
            variables = await self._variables.named(new.tenant, names) if names else {}
        live = self._live_run(new, variables)
        self._live_runs.take_in(live)
        return live

    def let_go(self, live: LiveRun) -> None:
        """Release a run from `hold_new`: it leaves memory unless it is driven."""
        self._live_runs.let_go(live)

    async def start_together(self, news: Sequence[NewRun]) -> None:
        """Start runs of one tenant, all or none: durable and published when this returns.

        Raises:
            Conflict: One of them exists already.
        """
        lives: list[LiveRun] = []
        try:
            for new in news:
                lives.append(await self.hold_new(new))  # noqa: PERF401 - those that are held are let go
            await self._appends.start_together(lives)
        finally:
            for live in lives:
                self.let_go(live)

    async def start_detached(self, new: NewRun) -> str:
        """Start one run for a key, durable when this returns; return the run's id."""
        live = await self.hold_new(new)
        try:
            await self._appends.flush(live)
        except DuplicateStart as duplicate:
            return duplicate.run_id
        finally:
            self.let_go(live)
        return live.run.id

    def _live_run(self, new: NewRun, variables: JsonObject) -> LiveRun:
        now_ms = self._clock.now_ms()
        started = new.started(self._next_id(now_ms), now_ms, variables)
        if self._traced:
            started = replace(started, context=with_trace(started.context))
        run = apply(None, started)
        events: list[Event] = [started, *new.begun(run, now_ms)]
        return LiveRun(
            tenant=new.tenant,
            run=run,
            head=None,
            definition=new.definition,
            idempotency=new.idempotency,
            pending=events,
            size=new.size,
        )

    def _next_id(self, now_ms: int) -> str:
        number = max(self._last_number + 1, now_ms)
        if self._owners is not None:
            number = self._of_a_shard_here(self._owners, number)
        self._last_number = number
        return f"dynamic-workflow-{number}"

    def _of_a_shard_here(self, owners: Owners, least: int) -> int:
        """Return the next run number of a shard whose runs begin here. Raises `Unavailable`."""
        for number in range(least, least + SHARDS):
            if owners.begins(shard_of(number)):
                return number
        raise Unavailable(NO_SHARDS)
