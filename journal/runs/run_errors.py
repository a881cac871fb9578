"""The errors that lists show: why a run or its clean-up failed, or why its step is tried again."""

import json
from collections.abc import Iterable

from engine.value import value
from journal.reading.readers import Readers
from journal.runs.runs import RunRow

_LONGEST_MESSAGE = 300
_ENDS = ("failed", "cancelled")
_LAST = "length(e.type) - length(replace(e.type, ' ', ''))"
_ERROR = f"CASE e.schema WHEN 2 THEN '$[' || ({_LAST}) || '].{{0}}' ELSE '$.{{0}}' END"
_ERRORS = f"""
    SELECT e.run, json_extract(e.body, {_ERROR.format("error.step_id")}),
           json_extract(e.body, {_ERROR.format("error.type")}),
           substr(json_extract(e.body, {_ERROR.format("error.message")}), 1, {_LONGEST_MESSAGE + 1})
    FROM json_each(?) CROSS JOIN runs r ON r.id = CAST(value AS BIGINT)
    CROSS JOIN events e ON e.run = r.id AND e.seq = r.seq
    WHERE r.tenant = ? AND (e.type IN ('RunFailed', 'RunCancelled', 'AttemptFailed')
          OR e.type LIKE '% RunCancelled' OR e.type LIKE '% AttemptFailed') AND json_valid(e.body)
"""


@value(frozen=True, slots=True)
class ListedError:
    """The error of a run that failed, of its clean-up, or of the attempt before its next one.

    Attributes:
        step_id: The step that failed; None if the run failed outside of a step.
        message: What went wrong, for people; long ones are cut.
    """

    step_id: str | None
    type: str
    message: str


class RunErrors:
    """The newest error of runs in a list."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def of(self, tenant: str, rows: Iterable[RunRow]) -> dict[int, ListedError]:
        """Return the errors of those runs that failed or wait for another attempt, by number."""
        steps = {
            row.number: row.step_id
            for row in rows
            if row.status in _ENDS or row.retry_at_ms is not None
        }
        if not steps:
            return {}
        found = await self._readers.all(_ERRORS, (json.dumps([*steps]), tenant))
        return {
            number: ListedError(step_id or steps[number], str(kind), _cut(str(message)))
            for number, step_id, kind, message in found
            if kind is not None  # the clean-up of a cancelled run reached its end
        }


def _cut(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…"
