"""Fires schedules: starts what is due, records the outcome, and moves on.

Due schedules are read from the journal, not kept in memory. A start is durable under the key
`schedule:id:moment` before the schedule moves on, so a crash between the two starts nothing twice;
and a schedule only moves on to moments after those already handled.
"""

import asyncio
from collections.abc import Callable

from app.clock import Clock
from app.concurrency.until_set import until_set
from app.execution.commands.runs import Runs
from app.telemetry import log
from app.triggers.compiled import Compiled
from app.triggers.keyed_starts import KeyedStarts, StartRefused, Target, rendered
from app.triggers.schedule_document import Schedule
from app.triggers.schedules import body_of
from engine import Rejected, iso_time
from journal import Firing, Journal, ScheduleRow, UnknownRun, UnknownSchedule

_LONGEST_SLEEP_MS = 1_000
"""The longest time for which a jump of the wall clock goes unnoticed."""

_PAGE = 100
_MOST_QUEUED = 100
_SET_BACK_MS = 1_000
"""A clock that goes back by more than this counts as set back."""


class Scheduler:
    """Sleeps until a schedule is due, fires it, and repeats.

    Attributes:
        owns: Says whether this process is responsible for work with a given name; None if there is
            only one process.
    """

    def __init__(self, journal: Journal, starts: KeyedStarts, runs: Runs, clock: Clock) -> None:
        self._journal = journal
        self._starts = starts
        self._runs = runs
        self._clock = clock
        self.owns: Callable[[str], bool] | None = None
        self._latest_ms: int | None = None
        self._changed = asyncio.Event()
        self._compiled = Compiled[ScheduleRow, Schedule](lambda row: Schedule(row.id, body_of(row)))

    def look(self) -> None:
        """Check again, because a schedule has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Fire schedules until cancelled."""
        while True:
            wait_ms = _LONGEST_SLEEP_MS
            try:
                self._changed.clear()
                now_ms = self._clock.now_ms()
                if self._latest_ms is None or now_ms < self._latest_ms - _SET_BACK_MS:
                    await self._align(now_ms)
                self._latest_ms = now_ms
                has_done_all = await self._fire_due(now_ms)
                await self._start_queued()
                next_ms = await self._journal.schedules.next_due_ms()
                if next_ms is not None and has_done_all:
                    wait_ms = min(wait_ms, next_ms - self._clock.now_ms())
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                log.schedules_delayed(failure)
            await self._sleep(max(2, wait_ms))

    async def _sleep(self, wait_ms: int) -> None:
        await until_set(self._changed, wait_ms / 1_000)

    async def _align(self, now_ms: int) -> None:
        """Bring forward moments that a clock running ahead has put off too far.

        Moments that were fired are not fired again, because their keys have been used.
        """
        after = ("", "")
        while page := await self._journal.schedules.active(after, _PAGE):
            for row in page:
                if not self._is_here(row.tenant, row.source):
                    continue
                schedule = self._compiled.of(row)
                next_ms = schedule.cron.after(now_ms)
                if next_ms is not None and row.next_at_ms and next_ms < row.next_at_ms:
                    await self._journal.schedules.move(row, next_ms, schedule.due_at(next_ms))
            after = (page[-1].tenant, page[-1].id)
            await asyncio.sleep(0)

    async def _fire_due(self, now_ms: int) -> bool:
        """Fire everything that is due; return whether nothing is left for later.

        A schedule that fails does not delay others.
        """
        after, has_done_all = (-1, "", ""), True
        while page := await self._journal.schedules.due(now_ms, after, _PAGE):
            done = await asyncio.gather(
                *(
                    self._is_fired(row, now_ms)
                    for row in page
                    if self._is_here(row.tenant, row.source)
                )
            )
            has_done_all = has_done_all and all(done)
            after = (page[-1].due_at_ms or 0, page[-1].tenant, page[-1].id)
        return has_done_all

    def _is_here(self, tenant: str, source: str) -> bool:
        return self.owns is None or self.owns(f"{tenant}/{source}")

    async def _is_fired(self, row: ScheduleRow, now_ms: int) -> bool:
        try:
            await self._fire(row, now_ms)
        except Exception as failure:  # noqa: BLE001 - tried again, and logged
            log.schedule_delayed(row.tenant, row.id, failure)
            return False
        return True

    async def _fire(self, row: ScheduleRow, now_ms: int) -> None:
        """Handle the due moments of one schedule. Raises if this has to be retried."""
        schedule = self._compiled.of(row)
        moments, dropped, last = schedule.plan(row.next_at_ms or now_ms, now_ms)
        if dropped:
            message = f"{dropped} or more moments were missed; missed is {schedule.body.missed}"
            key = f"missed before {schedule.cron.written(now_ms // 1_000 * 1_000)}"
            await self._note(row, Firing(row.source, key, now_ms, "skipped", None, message))
        for moment in moments:
            await self._moment(row, schedule, moment)
            row = await self._again(row)
        next_ms = schedule.cron.after(max(last, (row.next_at_ms or 0) - 1))
        await self._journal.schedules.move(row, next_ms, schedule.due_at(next_ms))

    async def _again(self, row: ScheduleRow) -> ScheduleRow:
        """Return the schedule with the run just started, but at its earlier position."""
        try:
            now = await self._journal.schedules.get(row.tenant, row.id)
        except UnknownSchedule:
            return row
        return now if now.updated_at_ms == row.updated_at_ms else row

    async def _moment(self, row: ScheduleRow, schedule: Schedule, moment: int) -> None:
        key = schedule.cron.written(moment)
        overlap, last_run = schedule.body.overlap, row.last_run_id
        if overlap != "start" and last_run and await self._is_open(row, last_run):
            if last_run == await self._started_by(row, moment):
                return  # this start was made before the process ended
            if overlap == "skip":
                message = f"run {last_run} of the previous moment has not ended"
                await self._note(row, self._firing(row, key, "skipped", message))
                return
            if overlap == "queue":
                await self._queue(row, key, last_run)
                return
            await self._end(row, last_run)
        elif overlap == "queue" and await self._journal.firings.queued(row.tenant, row.source, 1):
            await self._queue(row, key, last_run)
            return
        await self._start(row, schedule, moment)

    async def _start(self, row: ScheduleRow, schedule: Schedule, moment: int) -> None:
        key = schedule.cron.written(moment)
        target = Target(row.tenant, schedule.body.workflowId, schedule.body.version)
        try:
            data = await rendered(schedule.data, schedule.scope(moment))
            started = await self._starts.start(target, data, start_key(row.id, moment), row.source)
        except StartRefused as refused:
            log.schedule_failed(row.tenant, row.id, refused)
            await self._note(row, self._firing(row, key, "failed", str(refused)))
            return
        firing = Firing(row.source, key, self._clock.now_ms(), "started", started.run_id)
        await self._note(row, firing)

    async def _start_queued(self) -> None:
        """Start each schedule's next queued moment, if the run before it has ended.

        A schedule that fails does not delay others.
        """
        for tenant, source in await self._journal.firings.sources_queued():
            if not self._is_here(tenant, source):
                continue
            schedule_id = source.removeprefix("schedule:")
            try:
                row = await self._journal.schedules.get(tenant, schedule_id)
                await self._start_next(row)
            except UnknownSchedule:
                continue
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                log.schedule_delayed(tenant, schedule_id, failure)

    async def _start_next(self, row: ScheduleRow) -> None:
        if row.last_run_id and await self._is_open(row, row.last_run_id):
            return
        for firing in await self._journal.firings.queued(row.tenant, row.source, 1):
            schedule = self._compiled.of(row)
            await self._start(row, schedule, schedule.cron.read(firing.key))

    async def _queue(self, row: ScheduleRow, key: str, last_run: str | None) -> None:
        waiting = await self._journal.firings.queued(row.tenant, row.source, _MOST_QUEUED)
        if len(waiting) >= _MOST_QUEUED and key not in {firing.key for firing in waiting}:
            message = f"{_MOST_QUEUED} moments wait already"
            await self._note(row, self._firing(row, key, "skipped", message))
            return
        message = f"waits for run {last_run}" if last_run else "waits for earlier moments"
        await self._note(row, self._firing(row, key, "queued", message))

    async def _end(self, row: ScheduleRow, run_id: str) -> None:
        reason = "the next moment of its schedule has come"
        try:
            await self._runs.end(row.tenant, run_id, reason, row.source)
        except (Rejected, UnknownRun):
            return  # it has ended, or is being cancelled

    async def _is_open(self, row: ScheduleRow, run_id: str) -> bool:
        try:
            return not (await self._runs.read(row.tenant, run_id)).is_over
        except UnknownRun:
            return False

    async def _started_by(self, row: ScheduleRow, moment: int) -> str | None:
        used = await self._journal.start_keys.used(row.tenant, start_key(row.id, moment))
        return used.run_id if used else None

    def _firing(self, row: ScheduleRow, key: str, outcome: str, message: str) -> Firing:
        return Firing(row.source, key, self._clock.now_ms(), outcome, None, message)

    async def _note(self, row: ScheduleRow, firing: Firing) -> None:
        await self._journal.schedules.note(row, firing)


def start_key(schedule_id: str, moment: int) -> str:
    """Return the idempotency key of a schedule's start at a moment."""
    return f"schedule:{schedule_id}:{iso_time(moment)}"
