"""The child runs of one visit of a step as lists show them: by item, with errors."""

from engine.value import value
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.runs.run_filter import ENDED, OPEN

_LONGEST_MESSAGE = 300
_ARM = (
    "SELECT * FROM (SELECT id, item FROM runs INDEXED BY runs_children_by_status"
    " WHERE parent = :parent AND parent_execution = :execution AND status = '{}'"
    " AND (item, id) > (:item, :number) ORDER BY item, id LIMIT :limit) AS arm"
)
_ROWS = f"""
    SELECT r.id, r.item, r.parent_attempt, r.body, r.workflow_id, r.status, r.step_id,
           r.started_at_ms, r.ended_at_ms, json_extract(e.body, '$.error.type'),
           substr(json_extract(e.body, '$.error.message'), 1, {_LONGEST_MESSAGE}),
           json_extract(e.body, '$.error.step_id')
    FROM (SELECT id AS listed FROM ({{}} ORDER BY item, id LIMIT :limit) AS found) AS lines
    CROSS JOIN runs r ON r.id = listed
    LEFT JOIN events e
        ON e.run = r.id AND e.seq = r.seq AND e.type = 'RunFailed' AND json_valid(e.body)
"""


@value(frozen=True, slots=True)
class ChildLine:
    """A child run in a list of those of a step. Times are Unix milliseconds.

    Attributes:
        item: Which child of the step it is, from 0.
        attempt: The attempt of the step that started it.
        error_step: The step in which it failed.
    """

    number: int
    item: int
    attempt: int
    body: str | None
    workflow_id: str
    status: str
    step_id: str | None
    started_at_ms: int
    ended_at_ms: int | None
    error_type: str | None
    error_message: str | None
    error_step: str | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return run_id(self.number)


class ChildLines:
    """Pages of child runs; each reads only what it shows, however many there are."""

    def __init__(self, lists: Readers) -> None:
        self._lists = lists

    async def page(
        self,
        parent_id: str,
        execution: int,
        limit: int,
        status: str | None = None,
        after: tuple[int, int] = (-1, 0),
    ) -> list[ChildLine]:
        """Return the first child runs of a visit by item, those behind an item and a number."""
        statuses = [one for one in OPEN + ENDED if status in (None, one)]
        arms = " UNION ALL ".join(_ARM.format(one) for one in statuses)
        rows = await self._lists.all(
            _ROWS.format(arms),
            {
                "parent": run_number(parent_id),
                "execution": execution,
                "item": after[0],
                "number": after[1],
                "limit": limit,
            },
        )
        return sorted((ChildLine(*row) for row in rows), key=lambda row: (row.item, row.number))
