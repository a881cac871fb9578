"""The list of runs as it is asked for and shown: its filter, and one line of it."""

from app.wire.bodies import ListRunsQuery
from engine import JsonObject, iso_time, iso_time_or_none
from journal import RunFilter, RunPosition, RunRow


def run_filter(query: ListRunsQuery) -> RunFilter:
    """Return the filter that a query asks for."""
    return RunFilter(
        status=query.status,
        workflow_id=query.workflowId,
        since_ms=int(query.since.timestamp() * 1_000) if query.since else None,
        until_ms=int(query.until.timestamp() * 1_000) if query.until else None,
        before=None if query.cursor is None else RunPosition.read(query.cursor),
        parent_id=query.parentRunId,
    )


def run_line(row: RunRow) -> JsonObject:
    """Return one line of the list."""
    return {
        "runId": row.run_id,
        "workflowId": row.workflow_id,
        "version": row.version,
        "status": row.status,
        "currentStepId": row.step_id,
        "parentRunId": row.parent_run_id,
        "item": row.item,
        "startTime": iso_time(row.started_at_ms),
        "updatedAt": iso_time(row.updated_at_ms),
        "endTime": iso_time_or_none(row.ended_at_ms),
    }
