"""Starts runs when others have ended: reads the journal by position, starts, moves on.

A start is durable under the key `trigger:id:run` before the trigger's position moves on, so a crash
between the two starts nothing twice. A run started this way records its chain: the workflows whose
ends led to it. None of them is started again, so every chain ends.
"""

import asyncio
from collections.abc import Callable

from app.clock import Clock
from app.concurrency.until_set import until_set
from app.events.catalogue import kinds_named
from app.events.hub import Hub
from app.execution.driving.signals import IDS_KEPT_MS, Signals
from app.secrets.sensitive import shown_data
from app.telemetry import log
from app.triggers.compiled import Compiled
from app.triggers.kept_triggers import body_of
from app.triggers.keyed_starts import KeyedStarts, StartRefused, Target, rendered
from app.triggers.trigger_document import RUN_NAMES, RunTrigger, condition_over
from engine import JsonObject, Run, RunFailed, iso_time, iso_time_or_none
from journal import (
    UNREADABLE,
    EventFilter,
    EventRow,
    Firing,
    Journal,
    NewSignal,
    TooManySignals,
    TriggerRow,
    UnknownRun,
)
from steps.contract.step_type import Problem
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.template import Template, as_text
from steps.signal_names import is_key

MOST_OF_A_CHAIN = 10
"""The longest chain of runs, each started by the end of the one before."""

_PAGE = 100
_UNNOTED = 5_000
"""After this many positions with nothing to start, the position is stored anyway."""

_PACE_S = 0.05
_PAUSE_S = 1.0
_LONGEST_WAIT_S = 30.0


class CompiledRunTrigger:
    """A trigger on ends of runs, compiled for use."""

    def __init__(self, row: TriggerRow) -> None:
        body = body_of(row)
        assert isinstance(body, RunTrigger)  # noqa: S101 - given by the kind
        self.body = body
        self.kinds = frozenset(kinds_named(body.on, None))
        self.when = None if body.when is None else condition_over(body.when, RUN_NAMES)
        self.data = Template(body.data, also=RUN_NAMES)
        self.key = Template(body.signal.key, also=RUN_NAMES) if body.signal else None

    def wants(self, event: EventRow) -> bool:
        """Return whether the trigger applies to an ended run, judging by the run's row alone."""
        body = self.body
        return (
            event.kind in self.kinds
            and (event.parent is None or (event.is_detached and event.kind == RunFailed.__name__))
            and event.workflow_id != body.workflowId
            and (body.workflows is None or event.workflow_id in body.workflows)
        )


class RunEnds:
    """One task for each tenant that has triggers on ends of runs; no work without any.

    Attributes:
        owns: As in `Scheduler`.
    """

    def __init__(
        self, journal: Journal, starts: KeyedStarts, signals: Signals, hub: Hub, clock: Clock
    ) -> None:
        self._journal = journal
        self._starts = starts
        self._signals = signals
        self._hub = hub
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._compiled = Compiled[TriggerRow, CompiledRunTrigger](CompiledRunTrigger)
        self.owns: Callable[[str], bool] | None = None
        self._is_running = False

    async def run(self) -> None:
        """Process ended runs until cancelled."""
        self._is_running = True
        try:
            while True:
                try:
                    await self.look_at_all()
                    await asyncio.Event().wait()
                except Exception as failure:  # noqa: BLE001 - tried again, and logged
                    log.triggers_delayed("", failure)
                    await asyncio.sleep(_PAUSE_S)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def look_at_all(self) -> None:
        """Check the triggers of all tenants. Raises journal errors."""
        for tenant in await self._journal.triggers.tenants_waiting():
            self.look(tenant)

    def _is_here(self, tenant: str) -> bool:
        return self.owns is None or self.owns(f"{tenant}/ends")

    def look(self, tenant: str) -> None:
        """Check a tenant's triggers, which have changed."""
        if not self._is_here(tenant):
            return
        if tenant in self._tasks:
            self._hub.heard(tenant, "")
        elif self._is_running:
            self._tasks[tenant] = asyncio.create_task(self._watch(tenant))

    async def _watch(self, tenant: str) -> None:
        looked = 0
        with self._hub.listen_to_tenant(tenant) as bell:
            while True:
                bell.clear()
                has_more = False
                if not self._is_here(tenant):
                    del self._tasks[tenant]
                    return
                try:
                    rows = await self._journal.triggers.waiting(tenant)
                    if not rows and not bell.is_set():
                        del self._tasks[tenant]
                        return
                    if rows:
                        looked, has_more = await self._look(tenant, rows, looked)
                except Exception as failure:  # noqa: BLE001 - tried again, and logged
                    log.triggers_delayed(tenant, failure)
                    looked = 0
                    await asyncio.sleep(_PAUSE_S)
                    continue
                await asyncio.sleep(_PACE_S)
                if not has_more:
                    await until_set(bell, _LONGEST_WAIT_S)

    async def _look(self, tenant: str, rows: list[TriggerRow], looked: int) -> tuple[int, bool]:
        """Process some ended runs; return the position reached, and whether there may be more."""
        noted = min(row.position or 0 for row in rows)
        triggers = [(row, self._compiled.of(row)) for row in rows]
        kinds = frozenset[str]().union(*(trigger.kinds for _, trigger in triggers))
        page = await self._journal.pages.of_tenant(
            tenant, EventFilter(kinds), max(noted, looked), _PAGE
        )
        has_started = False
        for event in page.rows:
            for row, trigger in triggers:
                if event.position > (row.position or 0) and trigger.wants(event):
                    has_started = True
                    await self._ended(row, trigger, event)
        if has_started or page.looked_up_to - noted >= _UNNOTED:
            await self._journal.triggers.move(tenant, page.looked_up_to)
        return page.looked_up_to, page.has_more

    async def _ended(self, row: TriggerRow, trigger: CompiledRunTrigger, event: EventRow) -> None:
        """Start what the end of a run triggers, once. Raises if this has to be retried."""
        try:
            _, run = await self._journal.events.run(event.run_id, row.tenant)
        except UnknownRun:
            return  # deleted
        except UNREADABLE as unreadable:
            log.run_stands_still(event.run_id, unreadable)
            return
        body, types = trigger.body, trigger.body.errorTypes
        if types is not None and (run.error is None or run.error.type not in types):
            return
        scope = _scope(run)
        try:
            with Allowance():
                if trigger.when is not None and not await trigger.when.evaluated(scope):
                    return
            chain = [*chain_of(run), run.workflow_id]
            if body.workflowId in chain or len(chain) >= MOST_OF_A_CHAIN:
                message = f"one of its chain, {', '.join(chain)}, would follow from itself"
                await self._note(row, run, "skipped", None, message)
                return
            data = await rendered(trigger.data, scope)
            signal = (
                None
                if body.signal is None
                else await self._signal(row, trigger, run.id, scope, data)
            )
            key = f"{row.source}:{run.id}" if signal is None else f"{row.source} {signal.key}"
            started = await self._starts.start(
                Target(row.tenant, body.workflowId, body.version),
                data,
                key,
                row.source,
                context={"startedBy": _started_by(row, run, chain)},
            )
            if signal is not None:
                await self._signals.send(row.tenant, signal)
        except (StartRefused, ExpressionError, TooManySignals) as refused:
            await self._note(row, run, "failed", None, str(refused))
            return
        is_first = signal is None or started.is_new
        await self._note(row, run, "started" if is_first else "sent", started.run_id)

    async def _signal(
        self,
        row: TriggerRow,
        trigger: CompiledRunTrigger,
        run_id: str,
        scope: JsonObject,
        data: JsonObject,
    ) -> NewSignal:
        """Return the signal that tells a collecting run of an end, once. Raises `StartRefused`."""
        signal = trigger.body.signal
        assert signal is not None  # noqa: S101 - checked by the caller
        assert trigger.key is not None  # noqa: S101 - required with a signal
        key = as_text(await trigger.key.rendered(scope))
        if not is_key(key):
            raise StartRefused(
                "no signal", (Problem("signal.key", "gives no valid key of a signal"),)
            )
        now_ms = self._clock.now_ms()
        times = (now_ms, now_ms + signal.keepFor, now_ms + IDS_KEPT_MS)
        return NewSignal(signal.name, key, data, *times, f"{row.source}:{run_id}")

    async def _note(
        self,
        row: TriggerRow,
        run: Run,
        outcome: str,
        started: str | None,
        message: str | None = None,
    ) -> None:
        firing = Firing(row.source, run.id, self._clock.now_ms(), outcome, started, message)
        await self._journal.triggers.note(row, firing, None)


def chain_of(run: Run) -> list[str]:
    """Return the workflows whose ends led to a run, first one first.

    Only runs started by a trigger have a chain, and runs that those start without waiting for them.
    API callers may send a context, but the run's caller shows that it is not ours.
    """
    is_ours = run.caller.startswith("trigger:") or run.starter is not None
    began = run.context.get("startedBy") if is_ours else None
    chain = began.get("chain") if isinstance(began, dict) else None
    return [str(item) for item in chain] if isinstance(chain, list) else []


def _started_by(row: TriggerRow, run: Run, chain: list[str]) -> JsonObject:
    return {
        "trigger": row.id,
        "runId": run.id,
        "workflowId": run.workflow_id,
        "status": run.status.value,
        "chain": [*chain],
    }


def _scope(run: Run) -> JsonObject:
    """Return the names that expressions may use about an ended run."""
    error = run.error
    return {
        "run": {
            "id": run.id,
            "workflowId": run.workflow_id,
            "version": run.version,
            "status": run.status.value,
            "startedAt": iso_time(run.started_at_ms),
            "endedAt": iso_time_or_none(run.ended_at_ms),
            "caller": run.caller,
        },
        "data": shown_data(run.data),
        "result": run.result,
        "error": None
        if error is None
        else {
            "stepId": error.step_id,
            "type": error.type,
            "message": error.message,
            "attempts": error.attempts,
        },
    }
