"""Retention: which ended runs are deleted, by age and number; deletes them a few at a time.

Nothing is deleted unless the settings say so. A run is deleted together with its child runs, and
only once all of them have ended; a run that cannot be deleted yet is checked again the next time.
"""

import asyncio
from collections.abc import AsyncIterator

from app.execution.commands.deletion import delete_whole
from app.settings.server import Settings
from app.upkeep.clock_watch import ClockWatch
from engine import Status
from engine.value import value
from journal import ChildOf, Journal, NotEnded, RetentionGroup, UnknownRun
from steps.language.durations import duration_ms

_PAGE = 100
_PAUSE_S = 0.02


@value(frozen=True, slots=True)
class DueRuns:
    """The runs of one tenant and status that are due for deletion; child runs are not counted."""

    group: RetentionGroup
    runs: int
    oldest_ended_ms: int | None


@value(frozen=True, slots=True)
class Rule:
    """How long ended runs of one status are kept: a duration and a number; None means no limit."""

    status: str
    age: str | None
    keep: int | None


class Retention:
    """Deletes what the settings no longer keep, by a clock of which it is sure."""

    def __init__(self, journal: Journal, settings: Settings, clock: ClockWatch) -> None:
        self._journal = journal
        self._settings = settings
        self._clock = clock

    @property
    def is_on(self) -> bool:
        """True when the settings delete anything."""
        kept = (self._settings.retention, self._settings.retention_keep)
        return any((*kept, self._settings.retention_tenants))

    def rules(self, tenant: str) -> list[Rule]:
        """Return the settings' rules for a tenant, one for each status of an ended run."""
        own = self._settings.retention_tenants.get(tenant, {})
        ages = dict[str, str]([*self._settings.retention.items(), *own.items()])
        keep = dict[str, int](self._settings.retention_keep.items())
        return [
            Rule(status.value, ages.get(status.value), keep.get(status.value))
            for status in Status
            if status.is_over
        ]

    async def due(self, tenant: str | None = None, most: int | None = None) -> list[DueRuns]:
        """Return what would be deleted now, of one tenant or of all, without changing anything.

        In each group at most `most` runs are counted.
        """
        found = []
        async for group in self._groups(tenant):
            count, oldest = await self._journal.removal.total(group, most)
            if count:
                found.append(DueRuns(group, count, oldest))
        return found

    async def apply(self) -> int:
        """Delete what is due; return the number of runs, including child runs."""
        deleted = 0
        async for group in self._groups():
            after = (-1, -1)
            while page := await self._journal.removal.due(group, after, _PAGE):
                for ended, number, run_id in page:
                    deleted += await self._delete(group.tenant, run_id)
                    after = (ended, number)
                await asyncio.sleep(_PAUSE_S)
        return deleted

    async def forget_keys(self) -> None:
        """Delete the idempotency keys of deleted runs that are old enough."""
        kept_ms = round(self._settings.idempotency_retention * 1_000)
        forgotten = -1
        while forgotten:
            forgotten = await self._journal.start_keys.forget(self._clock.now_ms() - kept_ms)
            await asyncio.sleep(_PAUSE_S)

    async def forget_threads(self) -> None:
        """Delete conversations without a message for as long as the settings say."""
        kept_ms = self._settings.thread_retention
        forgotten = _PAGE if kept_ms is not None else 0
        while forgotten:
            before_ms = self._clock.now_ms() - (kept_ms or 0)
            forgotten = await self._journal.threads.forget(before_ms, _PAGE)
            await asyncio.sleep(_PAUSE_S)

    async def _delete(self, tenant: str, run_id: str) -> int:
        try:
            return await delete_whole(self._journal, tenant, run_id)
        except (NotEnded, UnknownRun, ChildOf):
            return 0  # a child run is still being stopped, or the run is gone already

    async def _groups(self, only: str | None = None) -> AsyncIterator[RetentionGroup]:
        if not self.is_on:
            return
        now_ms = self._clock.now_ms()
        for tenant in [only] if only is not None else await self._journal.removal.tenants():
            for rule in self.rules(tenant):
                if rule.age is None and rule.keep is None:
                    continue
                before_ms = None if rule.age is None else now_ms - duration_ms(rule.age)
                yield RetentionGroup(tenant, rule.status, before_ms, rule.keep)
