"""Stores the schedules of all tenants: create, pause, list."""

import json
from collections.abc import Callable

from app.clock import Clock
from app.concurrency.first_come import until_kept
from app.triggers.keyed_starts import KeyedStarts, Target, checked_data, rendered
from app.triggers.schedule_document import Schedule, ScheduleBody
from engine.value import value
from journal import Firing, Journal, ScheduleRow, UnknownSchedule

MOST = 1_000
"""The most schedules that a tenant may have."""

_UPCOMING = 5


@value(frozen=True, slots=True)
class ScheduleState:
    """A schedule with its current state; moments are Unix milliseconds.

    Attributes:
        upcoming: Its next moments as ISO dates in its time zone; none while it is paused.
        newest: The outcome of the newest moment.
    """

    row: ScheduleRow
    body: ScheduleBody
    upcoming: list[str]
    newest: Firing | None


class Schedules:
    """Stores schedules; `Scheduler` fires them."""

    def __init__(self, journal: Journal, starts: KeyedStarts, clock: Clock) -> None:
        self._journal = journal
        self._starts = starts
        self._clock = clock
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change."""

    async def put(
        self, tenant: str, schedule_id: str, body: ScheduleBody
    ) -> tuple[bool, ScheduleState]:
        """Store a schedule, durable when this returns; return whether it is new.

        Raises:
            StartRefused: What it would start cannot be started.
            TooManySchedules: The tenant has the maximum number of schedules.
        """

        async def change() -> tuple[bool, ScheduleState]:
            try:
                before: ScheduleRow | None = await self._journal.schedules.get(tenant, schedule_id)
            except UnknownSchedule:
                before = None
            return before is None, await self._put(tenant, schedule_id, body, before)

        return await until_kept(change)

    async def _put(
        self, tenant: str, schedule_id: str, body: ScheduleBody, before: ScheduleRow | None
    ) -> ScheduleState:
        now_ms = self._clock.now_ms()
        schedule = Schedule(schedule_id, body)
        await self._check(tenant, schedule, now_ms)
        next_ms = schedule.cron.after(now_ms) if body.enabled else None
        if before and next_ms and before.next_at_ms and _same_moments(body_of(before), body):
            next_ms = before.next_at_ms  # an overdue moment stays overdue
        row = ScheduleRow(
            tenant,
            schedule_id,
            json.dumps(body.document(), sort_keys=True),
            next_ms,
            schedule.due_at(next_ms),
            before.last_run if before else None,
            before.created_at_ms if before else now_ms,
            max(now_ms, before.updated_at_ms + 1) if before else now_ms,
        )
        await self._journal.schedules.put(row, MOST, before)
        self.on_change()
        return await self._state(row)

    async def set_enabled(self, tenant: str, schedule_id: str, *, enabled: bool) -> ScheduleState:
        """Pause a schedule, or resume it from now on. Raises `UnknownSchedule`."""

        async def change() -> ScheduleState:
            row = await self._journal.schedules.get(tenant, schedule_id)
            body = body_of(row)
            if body.enabled == enabled:
                return await self._state(row)
            changed = body.model_copy(update={"enabled": enabled})
            return await self._put(tenant, schedule_id, changed, row)

        return await until_kept(change)

    async def get(self, tenant: str, schedule_id: str) -> ScheduleState:
        """Return a schedule. Raises `UnknownSchedule`."""
        return await self._state(await self._journal.schedules.get(tenant, schedule_id))

    async def of_tenant(self, tenant: str) -> list[ScheduleState]:
        """Return the schedules of a tenant, sorted by id."""
        rows = await self._journal.schedules.of_tenant(tenant)
        newest = await self._journal.firings.newest(tenant, [row.source for row in rows])
        return [self._shown(row, newest.get(row.source)) for row in rows]

    async def delete(self, tenant: str, schedule_id: str) -> None:
        """Delete a schedule and its firings. Raises `UnknownSchedule`."""
        await self._journal.schedules.delete(tenant, schedule_id)

    async def firings(self, tenant: str, schedule_id: str, limit: int) -> list[Firing]:
        """Return the outcomes of its newest moments, newest first. Raises `UnknownSchedule`."""
        row = await self._journal.schedules.get(tenant, schedule_id)
        return await self._journal.firings.page(tenant, row.source, limit)

    async def _check(self, tenant: str, schedule: Schedule, now_ms: int) -> None:
        """Check what would be started next against its workflow. Raises `StartRefused`."""
        target = Target(tenant, schedule.body.workflowId, schedule.body.version)
        _, definition = await self._starts.definition(target)
        moment = schedule.cron.after(now_ms)
        if moment is not None:
            checked_data(definition, await rendered(schedule.data, schedule.scope(moment)))

    async def _state(self, row: ScheduleRow) -> ScheduleState:
        newest = await self._journal.firings.page(row.tenant, row.source, 1)
        return self._shown(row, newest[0] if newest else None)

    def _shown(self, row: ScheduleRow, newest: Firing | None) -> ScheduleState:
        body = body_of(row)
        cron = Schedule(row.id, body).cron
        upcoming: list[int] = []
        if row.next_at_ms is not None:
            upcoming = cron.upcoming(max(row.next_at_ms - 1, self._clock.now_ms()), _UPCOMING)
        return ScheduleState(row, body, [cron.written(moment) for moment in upcoming], newest)


def body_of(row: ScheduleRow) -> ScheduleBody:
    """Return a schedule as its author wrote it."""
    return ScheduleBody.model_validate_json(row.document)


def _same_moments(one: ScheduleBody, other: ScheduleBody) -> bool:
    return (one.cron, one.timeZone, one.jitter) == (other.cron, other.timeZone, other.jitter)
