"""Why runs failed: a row for each, written with its last event, by which lists find it."""

from collections.abc import Sequence

from engine import Event, Run, RunFailed
from journal.rows.run_ids import run_number
from journal.rows.run_projection import Statement

_KEEP_FAILURE = (
    "INSERT INTO run_failures (run, tenant, started_at_ms, error_type, step_id)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE"
    " SET error_type = excluded.error_type, step_id = excluded.step_id"
)


def failure(tenant: str, run: Run, events: Sequence[Event]) -> list[Statement]:
    """Return the statement that notes why a run has failed with its last event.

    The row of a run that has been repaired since stays: whoever reads it looks at the status too.
    """
    last = events[-1] if events else None
    if not isinstance(last, RunFailed):
        return []
    error = last.error
    row = (run_number(run.id), tenant, run.started_at_ms, error.type, error.step_id)
    return [(_KEEP_FAILURE, row)]
