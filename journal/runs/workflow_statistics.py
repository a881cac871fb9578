"""Statistics of the runs of one workflow, from a limited number of its newest runs."""

from engine.value import value
from journal.reading.readers import Readers
from journal.runs.run_filter import ENDED, OPEN

MOST_LOOKED_AT = 1_000
"""How many of the newest runs of each status are read."""

_OF_STATUS = (
    " FROM runs INDEXED BY runs_by_workflow WHERE tenant = :tenant AND workflow_id = :workflow"
    " AND status = '{}' AND started_at_ms >= :since ORDER BY started_at_ms DESC LIMIT :most"
)
_TOOK = " UNION ALL ".join(
    "SELECT * FROM (SELECT status, ended_at_ms - started_at_ms AS took, body"
    f"{_OF_STATUS.format(status)}) AS of_{status}"
    for status in ENDED
)
_HERE = " UNION ALL ".join(
    f"SELECT * FROM (SELECT step_id, body{_OF_STATUS.format(status)}) AS of_{status}"
    for status in OPEN
)
_FAILED = f"""
    SELECT json_extract(e.body, '$.error.step_id'), count(*)
    FROM (SELECT id AS listed{_OF_STATUS.format("failed")}) AS found
    CROSS JOIN runs r ON r.id = listed
    CROSS JOIN events e ON e.run = r.id AND e.seq = r.seq
    WHERE e.type = 'RunFailed' AND r.body IS NULL AND json_valid(e.body)
    GROUP BY 1
"""


@value(frozen=True, slots=True)
class WorkflowStatistics:
    """Statistics of a workflow's runs, without those of its bodies.

    Attributes:
        runs: How many have ended, by status.
        took_ms: How long completed runs took, the shortest first (milliseconds).
        here: How many runs that have not ended are in each step.
        failed: How many failed in each step.
    """

    runs: dict[str, int]
    took_ms: list[int]
    here: dict[str, int]
    failed: dict[str, int]


class StatisticsOfWorkflows:
    """Queries over the runs of one workflow."""

    def __init__(self, lists: Readers) -> None:
        self._lists = lists

    async def of(self, tenant: str, workflow_id: str, since_ms: int) -> WorkflowStatistics:
        """Return the statistics of the runs that have started since a moment."""
        values = {
            "tenant": tenant, "workflow": workflow_id, "since": since_ms, "most": MOST_LOOKED_AT,
        }  # fmt: skip
        ended = await self._lists.all(
            f"SELECT status, took FROM ({_TOOK}) AS ended WHERE body IS NULL", values
        )
        here = await self._lists.all(
            f"SELECT step_id, count(*) FROM ({_HERE}) AS open"
            " WHERE body IS NULL AND step_id IS NOT NULL GROUP BY step_id",
            values,
        )
        failed = await self._lists.all(_FAILED, values)
        counts: dict[str, int] = dict.fromkeys(ENDED, 0)
        for status, _ in ended:
            counts[str(status)] += 1
        took = sorted(max(0, int(ms)) for status, ms in ended if status == "completed")
        return WorkflowStatistics(
            counts,
            took,
            {str(step): int(count) for step, count in here},
            {str(step): int(count) for step, count in failed if step is not None},
        )
