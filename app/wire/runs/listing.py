"""The list of runs: its filter, and how one line is shown."""

import re
from collections.abc import Mapping
from typing import TypedDict

from app.wire.requests.bodies import BulkFilter, ListRunsQuery
from engine import JsonObject, State, iso_time, iso_time_or_none
from engine.value import value
from journal import (
    CaptionRow,
    Journal,
    ListedError,
    RunFilter,
    RunOrder,
    RunPage,
    RunPosition,
    RunRow,
)
from steps.language.durations import duration_ms

_WAITING = {"retry": State.BACKING_OFF.value, "time": State.SLEEPING.value}
_NEXT_LABEL = re.compile(r",(?=[A-Za-z0-9_.-]{1,64}:)")


def run_filter(query: ListRunsQuery) -> RunFilter:
    """Return the filter that a query describes."""
    return RunFilter(
        status=query.status,
        workflow_id=query.workflowId,
        since_ms=int(query.since.timestamp() * 1_000) if query.since else None,
        until_ms=int(query.until.timestamp() * 1_000) if query.until else None,
        before=None if query.cursor is None else RunPosition.read(query.cursor),
        parent_id=query.parentRunId,
        top_level=query.topLevel,
        labels=labels_of(query.label),
        text=query.text,
        order=RunOrder.read(query.sort),
        **looked_at(query),
    )


class LookedAt(TypedDict):
    """The part of a filter that is checked run by run."""

    step_id: str | None
    error_type: str | None
    started_by: str | None
    longer_ms: int | None
    shorter_ms: int | None
    state: str | None


def looked_at(query: ListRunsQuery | BulkFilter) -> LookedAt:
    """Return the part of a filter that no index covers."""
    return {
        "step_id": query.stepId,
        "error_type": query.errorType,
        "started_by": query.startedBy,
        "longer_ms": None if query.longerThan is None else duration_ms(query.longerThan),
        "state": None if query.waitingFor is None else _WAITING[query.waitingFor],
        "shorter_ms": None if query.shorterThan is None else duration_ms(query.shorterThan),
    }


def labels_of(text: str | None) -> tuple[tuple[str, str], ...]:
    """Return the labels in a query; a comma separates two if a label name follows it."""
    if text is None:
        return ()
    named = (one.partition(":") for one in _NEXT_LABEL.split(text))
    return tuple((name, value) for name, _, value in named)


@value(frozen=True, slots=True)
class FoundRuns:
    """A page of the list, with what its lines show besides the rows.

    Attributes:
        captions: The titles and labels of those runs that have any, by number.
        errors: Why runs failed, or why they wait for another attempt, by number.
    """

    page: RunPage
    captions: Mapping[int, CaptionRow]
    errors: Mapping[int, ListedError]


async def found_runs(journal: Journal, tenant: str, query: ListRunsQuery, limit: int) -> FoundRuns:
    """Return a page of the list."""
    page = await journal.search.page(tenant, run_filter(query), limit)
    captions = await journal.captions.by_number(tenant, [row.number for row in page.rows])
    return FoundRuns(page, captions, await journal.run_errors.of(tenant, page.rows))


def run_line(row: RunRow, found: FoundRuns) -> JsonObject:
    """Return one line of the list."""
    caption = found.captions.get(row.number) or CaptionRow()
    error = found.errors.get(row.number)
    return {
        "runId": row.run_id,
        "workflowId": row.workflow_id,
        "version": row.version,
        "title": caption.title or None,
        "labels": dict(caption.labels),
        "status": row.status,
        "currentStepId": row.step_id,
        "waitingUntil": iso_time_or_none(row.waiting_until_ms),
        **({"held": True} if row.held else {}),
        **({"retryAt": iso_time(row.retry_at_ms)} if row.retry_at_ms is not None else {}),
        "error": _error(error) if error else None,
        "parentRunId": row.parent_run_id,
        **({"body": row.body} if row.body else {}),
        "item": row.item,
        "startTime": iso_time(row.started_at_ms),
        "updatedAt": iso_time(row.updated_at_ms),
        "endTime": iso_time_or_none(row.ended_at_ms),
    }


def _error(error: ListedError) -> JsonObject:
    return {"stepId": error.step_id, "type": error.type, "message": error.message}
