"""What waits for people: paused runs with what they ask, without reading their histories.

A run that is paused ends with the event that paused it: whatever may follow a pause ends it.
A run that is paused for a child run is left out, since the child is there itself, and so is one
that waits for a signal, which no person answers.
"""

import json
from collections.abc import Sequence
from typing import Any

from engine import RunPaused
from engine.value import value
from journal.codec import decode
from journal.readers import Readers
from journal.run_filter import RunPosition
from journal.run_ids import run_id, run_number

_ORDER = "r.started_at_ms DESC, r.id DESC"
_COLUMNS = (
    "r.id, r.workflow_id, r.version, r.step_id, r.seq, r.started_at_ms, e.at_ms, r.parent, r.item,"
    " r.body, e.type, e.schema, e.body"
)
_PAUSED_AT, _EVENT_AT = 6, 10
_JOINED = "CROSS JOIN runs r ON r.id = listed CROSS JOIN events e ON e.run = r.id AND e.seq = r.seq"
_OPEN = "status IN ('paused', 'running')"
_LOOKED_AT = 1_000
"""Open child runs, at most, that are looked at for their pauses."""

_OWN = "r.tenant = :tenant AND r.status = 'paused' AND r.state = 'paused' AND r.signal_name IS NULL"


@value(frozen=True, slots=True)
class PausedRow:
    """One run that waits for a person; `paused` is None where the journal cannot be read."""

    number: int
    workflow_id: str
    version: str
    step_id: str
    seq: int
    started_at_ms: int
    paused_at_ms: int
    parent: int | None
    item: int | None
    body: str | None
    paused: RunPaused | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return run_id(self.number)

    @property
    def position(self) -> RunPosition:
        """The run's place in the list."""
        return RunPosition(self.started_at_ms, self.number)

    @property
    def parent_run_id(self) -> str | None:
        """The id of the run that started this one."""
        return None if self.parent is None else run_id(self.parent)


class Inbox:
    """Queries over the pauses of all runs."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def page(
        self,
        tenant: str,
        limit: int,
        *,
        before: RunPosition | None = None,
        workflow_id: str | None = None,
    ) -> list[PausedRow]:
        """Return at most `limit` runs that wait, the newest first, those after `before`."""
        values: dict[str, Any] = {"tenant": tenant, "workflow": workflow_id, "limit": limit}
        own, ranges = [_OWN], ["true"]
        index = "runs_inbox"
        if workflow_id is not None:
            own.append("r.workflow_id = :workflow")
            index = "runs_by_workflow"
        if before is not None:
            values |= {"started": before.started_at_ms, "number": before.number}
            ranges = [
                "r.started_at_ms < :started",
                "r.started_at_ms = :started AND r.id < :number",
            ]
        arms = " UNION ALL ".join(
            f"SELECT * FROM (SELECT r.id, r.started_at_ms FROM runs r INDEXED BY {index}"
            f" WHERE {' AND '.join([*own, after])} ORDER BY {_ORDER} LIMIT :limit) AS arm"
            for after in ranges
        )
        rows = await self._readers.all(
            f"SELECT {_COLUMNS} FROM (SELECT id AS listed FROM ({arms}"
            " ORDER BY started_at_ms DESC, id DESC LIMIT :limit) AS newest) AS lines"
            f" {_JOINED}",
            values,
        )
        return [_waiting(row) for row in rows]

    async def below(self, run_id: str, limit: int) -> list[PausedRow]:
        """Return pauses of the child runs for which a run waits, and of those below them.

        Those that wait for signals are among them. The oldest `limit` runs.
        """
        rows = await self._readers.all(
            "WITH RECURSIVE below (id, executions) AS ("
            f" SELECT c.id, c.executions FROM runs p JOIN runs c ON c.parent = p.id"
            f" AND c.parent_execution = p.executions AND c.{_OPEN} WHERE p.id = ?"
            f" UNION ALL SELECT c.id, c.executions FROM below p JOIN runs c ON c.parent = p.id"
            f" AND c.parent_execution = p.executions AND c.{_OPEN})"
            f" SELECT {_COLUMNS} FROM (SELECT b.id AS listed FROM"
            f" (SELECT id FROM below LIMIT {_LOOKED_AT}) AS b"
            " JOIN runs f ON f.id = b.id WHERE f.state = 'paused' ORDER BY b.id LIMIT ?) AS lines"
            f" {_JOINED} ORDER BY r.id",
            (run_number(run_id), limit),
        )
        return [_waiting(row) for row in rows]

    async def roots(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return by the numbers of child runs the run above them all that has no parent."""
        rows = await self._readers.all(
            "WITH RECURSIVE up (child, id, parent) AS ("
            " SELECT id, id, parent FROM runs"
            " WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"
            " UNION ALL SELECT up.child, p.id, p.parent FROM up JOIN runs p ON p.id = up.parent)"
            " SELECT child, id FROM up WHERE parent IS NULL",
            (json.dumps(numbers),),
        )
        return {child: run_id(number) for child, number in rows}

    async def count(self, tenant: str, most: int) -> int:
        """Count what waits, up to `most`."""
        row = await self._readers.one(
            f"SELECT count(*) FROM (SELECT 1 FROM runs r INDEXED BY runs_inbox WHERE {_OWN}"
            " LIMIT :most) AS paused",
            {"tenant": tenant, "most": most},
        )
        return int(row[0])


def _waiting(row: tuple[Any, ...]) -> PausedRow:
    kind, schema, body = row[_EVENT_AT:]
    pause = _pause(kind, schema, body, row[_PAUSED_AT])
    return PausedRow(*(*row[:_EVENT_AT], pause))


def _pause(kind: str, schema: int, body: str, at_ms: int) -> RunPaused | None:
    try:
        event = decode(kind, schema, at_ms, body)
    except ValueError:
        return None
    return event if isinstance(event, RunPaused) else None
