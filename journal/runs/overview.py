"""The overview for operators: how many runs of a period have which status, and what fails most.

Each query reads a limited part of an index, so it costs the same however many runs there are.
"""

import json
import time
from collections.abc import Sequence
from typing import TypeAlias

from engine.value import value
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id
from journal.runs.run_filter import ENDED, OPEN
from journal.runs.workflow_statistics import StatisticsOfWorkflows

Span: TypeAlias = tuple[int, dict[str, int]]
"""When a part of a period begins, and how many runs of each status have started in it."""

MOST_COUNTED = 10_000
"""The count of the runs of a status stops here."""

MOST_OF_SPAN = 1_000
"""The count of the runs of a status in one part of a period stops here."""

_DEAR_RUNS = 10_000
_KEPT_S = 60.0
"""If so many runs were counted, the counts of parts that are over are reused for so long."""

_LOOKED_AT = 500
"""How many of the newest failed runs and firings, and of the next timers, are read."""

_COUNTED = (
    "SELECT '{0}', count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_by_status"
    " WHERE tenant = :tenant AND parent IS NULL AND status = '{0}'"
    " AND started_at_ms >= :since LIMIT :most) AS found"
)
_STATUSES = " UNION ALL ".join(f"SELECT '{status}' AS status" for status in OPEN + ENDED)
_BY_SPAN = f"""
    SELECT begin_ms, wanted.status, (
        SELECT count(*) FROM (
            SELECT 1 FROM runs INDEXED BY runs_by_status
            WHERE tenant = :tenant AND parent IS NULL AND status = wanted.status
                  AND started_at_ms >= begin_ms AND started_at_ms < end_ms
            LIMIT :most
        ) AS found
    ) FROM (
        SELECT CAST(json_extract(value, '$[0]') AS BIGINT) AS begin_ms,
               CAST(json_extract(value, '$[1]') AS BIGINT) AS end_ms FROM json_each(:spans)
    ) AS spans JOIN ({_STATUSES}) AS wanted ON true
"""
_FAILED = """
    SELECT r.workflow_id, f.step_id, f.error_type, max(r.id), count(*), max(r.ended_at_ms)
    FROM (SELECT * FROM (SELECT id AS listed, started_at_ms FROM runs INDEXED BY runs_by_status
          WHERE tenant = :tenant AND status = 'failed' AND started_at_ms >= :since
                AND parent IS NULL ORDER BY started_at_ms DESC LIMIT :looked) AS own
          UNION ALL
          SELECT * FROM (SELECT id, started_at_ms FROM runs INDEXED BY child_runs_by_status
          WHERE tenant = :tenant AND status = 'failed' AND started_at_ms >= :since
                AND parent IS NOT NULL ORDER BY started_at_ms DESC LIMIT :looked) AS below
          ORDER BY started_at_ms DESC LIMIT :looked) AS found
    CROSS JOIN runs r ON r.id = listed
    CROSS JOIN run_failures f ON f.run = r.id
    GROUP BY 1, 2, 3 ORDER BY 5 DESC, 6 DESC LIMIT :groups
"""
_RETRIES = """
    SELECT id, workflow_id, step_id, attempt, due_at_ms FROM (
        SELECT * FROM runs INDEXED BY timers_by_tenant
        WHERE tenant = ? AND due_at_ms IS NOT NULL ORDER BY due_at_ms LIMIT ?
    ) AS due WHERE state = 'backing_off' ORDER BY due_at_ms LIMIT ?
"""
_OLDEST = """
    SELECT id, workflow_id, step_id, updated_at_ms FROM runs INDEXED BY runs_inbox
    WHERE tenant = ? AND status = 'paused' AND state = 'paused' AND signal_name IS NULL
    ORDER BY started_at_ms LIMIT 1
"""
_UNSTARTED = """
    SELECT source, outcome, max(at_ms), count(*), max(message) FROM (
        SELECT source, outcome, at_ms, message FROM firings
        WHERE tenant = ? AND at_ms >= ? AND (outcome = 'skipped' OR outcome = 'failed')
        ORDER BY at_ms DESC LIMIT ?
    ) AS found GROUP BY source, outcome ORDER BY max(at_ms) DESC LIMIT ?
"""


@value(frozen=True, slots=True)
class FailureGroup:
    """Runs that failed in the same step with the same type of error.

    Attributes:
        newest_id: The newest of them.
        ended_at_ms: When the newest ended (Unix milliseconds).
    """

    workflow_id: str
    step_id: str | None
    error_type: str
    newest_id: str
    runs: int
    ended_at_ms: int


@value(frozen=True, slots=True)
class WaitingRun:
    """A run that waits for another attempt of a step, or for a person.

    Attributes:
        at_ms: When the attempt is due, or since when a person is asked (Unix milliseconds).
        attempt: The attempt that failed last; 0 if a person is asked.
    """

    run_id: str
    workflow_id: str
    step_id: str
    at_ms: int
    attempt: int = 0


@value(frozen=True, slots=True)
class UnstartedFirings:
    """Moments of a trigger at which nothing was started.

    Attributes:
        source: The trigger or schedule, such as `schedule:daily-report`.
        outcome: `skipped` or `failed`.
        at_ms: The newest of them (Unix milliseconds).
    """

    source: str
    outcome: str
    at_ms: int
    firings: int
    message: str | None


class Overview:
    """Queries for the front page."""

    def __init__(self, lists: Readers) -> None:
        self._lists = lists
        self._kept: dict[tuple[str, int], tuple[float, dict[int, dict[str, int]]]] = {}
        self.workflows = StatisticsOfWorkflows(lists)

    async def by_status(
        self, tenant: str, since_ms: int, spans: Sequence[Span] = ()
    ) -> dict[str, int]:
        """Count the runs that started since a moment by status, up to `MOST_COUNTED` of each.

        Runs that other runs started are part of those and not counted. `spans` are the counts of
        the same runs by parts, if they are known: what they tell is not counted again.
        """
        counts: dict[str, int] = {}
        for status in OPEN + ENDED:
            known = [counted.get(status, 0) for _, counted in spans]
            if known and (max(known) < MOST_OF_SPAN or sum(known) >= MOST_COUNTED):
                counts[status] = min(MOST_COUNTED, sum(known))
        left = [status for status in OPEN + ENDED if status not in counts]
        if left:
            rows = await self._lists.all(
                " UNION ALL ".join(_COUNTED.format(status) for status in left),
                {"tenant": tenant, "since": since_ms, "most": MOST_COUNTED},
            )
            counts |= {str(status): int(count) for status, count in rows}
        return {status: counts[status] for status in OPEN + ENDED}

    async def by_span(self, tenant: str, since_ms: int, now_ms: int, width_ms: int) -> list[Span]:
        """Count the same runs by the parts of the period in which they started.

        Parts are `width_ms` long and begin at its multiples, the first at `since_ms`. Returned are
        the beginning of each part and its counts by status, up to `MOST_OF_SPAN` of each. If these
        are very many runs, those of a part that is over may have been counted a minute ago.
        """
        first = since_ms // width_ms * width_ms
        begins = [since_ms, *range(first + width_ms, now_ms + 1, width_ms)]
        until_s, kept = self._kept.get((tenant, width_ms), (0.0, {}))
        if time.monotonic() >= until_s:
            kept = {}
        asked = [
            (begin_ms, begin_ms // width_ms * width_ms + width_ms)
            for begin_ms in begins
            if begin_ms not in kept or begin_ms == begins[-1]
        ]
        rows = await self._lists.all(
            _BY_SPAN, {"tenant": tenant, "spans": json.dumps(asked), "most": MOST_OF_SPAN}
        )
        counts: dict[int, dict[str, int]] = {begin_ms: {} for begin_ms, _ in asked}
        for begin_ms, status, count in rows:
            counts[begin_ms][str(status)] = int(count)
        if sum(count for _, _, count in rows) >= _DEAR_RUNS:
            self._kept[tenant, width_ms] = time.monotonic() + _KEPT_S, counts
        return [(begin_ms, counts.get(begin_ms) or kept[begin_ms]) for begin_ms in begins]

    async def failures(self, tenant: str, since_ms: int, limit: int) -> list[FailureGroup]:
        """Return the steps and error types with which runs failed, the most frequent first."""
        values = {"tenant": tenant, "since": since_ms, "looked": _LOOKED_AT, "groups": limit}
        rows = await self._lists.all(_FAILED, values)
        return [
            FailureGroup(workflow, step_id, kind, run_id(newest), count, at_ms)
            for workflow, step_id, kind, newest, count, at_ms in rows
        ]

    async def retries(self, tenant: str, limit: int) -> list[WaitingRun]:
        """Return runs that wait for another attempt, the next that is due first."""
        rows = await self._lists.all(_RETRIES, (tenant, _LOOKED_AT, limit))
        return [
            WaitingRun(run_id(number), workflow, step_id, due_ms, attempt)
            for number, workflow, step_id, attempt, due_ms in rows
        ]

    async def oldest_question(self, tenant: str) -> WaitingRun | None:
        """Return the earliest started run that waits for a person."""
        row = await self._lists.one(_OLDEST, (tenant,))
        return row and WaitingRun(run_id(row[0]), *row[1:])

    async def unstarted(self, tenant: str, since_ms: int, limit: int) -> list[UnstartedFirings]:
        """Return which triggers have not started a run since a moment, the newest first."""
        rows = await self._lists.all(_UNSTARTED, (tenant, since_ms, _LOOKED_AT, limit))
        return [UnstartedFirings(*row) for row in rows]
