"""Child runs as their parent sees them: by the execution of the step that started them."""

import json
from collections import Counter
from collections.abc import Collection, Iterable

from engine.value import value
from journal.connection import ALL_ROWS
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.runs.child_rows import ChildLines
from journal.runs.runs import LeftBehind

_OPEN = "status IN ('running', 'paused') AND apart = 0"


@value(frozen=True, slots=True)
class ChildRow:
    """One child run in the list."""

    run_id: str
    item: int
    status: str
    attempt: int


@value(frozen=True, slots=True)
class Family:
    """The children of one execution of a step, items `first` to `first + total - 1`."""

    parent_id: str
    execution: int
    first: int
    total: int


class ChildList:
    """Queries over the list of child runs; each is limited by the children it returns.

    Attributes:
        lines: The child runs of a visit as people look at them.
    """

    def __init__(self, readers: Readers, lists: Readers) -> None:
        self._readers = readers
        self._lists = lists
        self.lines = ChildLines(lists)

    async def open(self, family: Family) -> list[ChildRow]:
        """Return the children that have not ended and are waited for, by item."""
        return await self._rows(family, _OPEN)

    async def detached(self, family: Family) -> list[ChildRow]:
        """Return the children that the step no longer waits for, by item."""
        return await self._rows(family, "apart = 1")

    async def failed(self, family: Family, attempt: int, limit: int) -> list[ChildRow]:
        """Return the first children of the attempt that ended without completing, by item."""
        condition = "status IN ('failed', 'cancelled', 'terminated') AND parent_attempt = ?"
        return await self._rows(family, condition, attempt, limit=limit)

    async def tally(self, family: Family, attempt: int) -> tuple[int, int]:
        """Return how many items have completed, and how many children of the attempt failed."""
        completed, failed = await self._readers.one(
            "SELECT count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE"
            " parent_attempt = ? AND status IN ('failed', 'cancelled', 'terminated')) FROM runs"
            " WHERE parent = ? AND parent_execution = ? AND item >= ? AND item < ?",
            (attempt, *_values(family)),
        )
        return int(completed), int(failed)

    async def newest(self, family: Family) -> list[ChildRow]:
        """Return the child of each item's newest attempt that the step waits for, by item."""
        rows = await self._rows(family, "apart = 0")
        return list({row.item: row for row in rows}.values())

    async def completed_items(self, family: Family) -> set[int]:
        """Return the items whose child has completed, in any attempt."""
        return {row.item for row in await self._rows(family, "status = 'completed'")}

    async def last_item(self, family: Family, attempt: int) -> int | None:
        """Return the largest item that the attempt has started; None if it has started none."""
        row = await self._readers.one(
            "SELECT max(item) FROM runs WHERE parent = ? AND parent_execution = ?"
            " AND item >= ? AND item < ? AND parent_attempt = ?",
            (*_values(family), attempt),
        )
        return None if row[0] is None else int(row[0])

    async def version_of(
        self, parent_id: str, execution: int, workflow_id: str, items: Collection[int]
    ) -> str | None:
        """Return the version in which an execution first called a workflow; None before that.

        Only calls by these items count, or by any if there are none.
        """
        only, given = "", [run_number(parent_id), execution, workflow_id]
        if items:
            only = " AND item IN (SELECT CAST(value AS BIGINT) FROM json_each(?4))"
            given.append(json.dumps(sorted(items)))
        row = await self._readers.one(
            "SELECT version FROM runs WHERE parent = ?1 AND parent_execution = ?2"
            f" AND workflow_id = ?3{only} ORDER BY item, parent_attempt LIMIT 1",
            given,
        )
        return None if row is None else str(row[0])

    async def version_like(self, started_id: str, workflow_id: str) -> str | None:
        """Return the version of a run, if it is there and one of this workflow."""
        row = await self._readers.one(
            "SELECT version FROM runs WHERE id = ? AND workflow_id = ?",
            (run_number(started_id), workflow_id),
        )
        return None if row is None else str(row[0])

    async def counts(
        self, parent_id: str, execution: int, *, attempts: int | None = None
    ) -> dict[str, int]:
        """Return how many children of an execution have each status, each item counted once.

        If the step is known to have made one attempt, no item can have two children.
        """
        newest = (
            "true"
            if attempts == 1
            else "NOT EXISTS (SELECT 1 FROM runs AS later WHERE later.parent = c.parent"
            " AND later.parent_execution = c.parent_execution AND later.item = c.item"
            " AND later.parent_attempt > c.parent_attempt)"
        )
        rows = await self._lists.all(
            "SELECT status, count(*) FROM runs AS c INDEXED BY runs_children_by_status"
            f" WHERE parent = ? AND parent_execution = ? AND {newest} GROUP BY status",
            (run_number(parent_id), execution),
        )
        return Counter(dict(rows))

    async def how_many(self, parent_ids: Iterable[str], most: int) -> dict[str, int]:
        """Return how many child runs each run has had, counted up to `most`."""
        rows = await self._lists.all(
            "SELECT CAST(value AS BIGINT), (SELECT count(*) FROM (SELECT 1 FROM runs AS c"
            " WHERE c.parent = CAST(value AS BIGINT) LIMIT ?2) AS found) FROM json_each(?1)",
            (json.dumps([run_number(name) for name in parent_ids]), most),
        )
        return {run_id(number): int(count) for number, count in rows if count}

    async def ids(self, parent_id: str, limit: int) -> list[str]:
        """Return the ids of the first `limit` children of a run, oldest first."""
        rows = await self._readers.all(
            "SELECT id FROM runs WHERE parent = ? ORDER BY parent_execution, item, parent_attempt"
            " LIMIT ?",
            (run_number(parent_id), limit),
        )
        return [run_id(number) for (number,) in rows]

    async def open_definitions(self, parent_id: str) -> list[tuple[str, str, str]]:
        """Return workflow, version and body of the children that are to stop, each once."""
        rows = await self._readers.all(
            "SELECT DISTINCT workflow_id, version, coalesce(body, '') FROM runs"
            " WHERE parent = ? AND ended_at_ms IS NULL AND apart = 0",
            (run_number(parent_id),),
        )
        return [(str(workflow_id), str(version), str(body)) for workflow_id, version, body in rows]

    async def any_open(self, parent_id: str) -> bool:
        """Return whether a child run that any of the run's steps waits for has not ended."""
        found = await self._readers.one(
            "SELECT 1 FROM runs WHERE parent = ? AND ended_at_ms IS NULL AND apart = 0 LIMIT 1",
            (run_number(parent_id),),
        )
        return found is not None

    async def left_behind(self, parent_id: str | None = None) -> list[tuple[str, bool]]:
        """Return open children that are to stop, with whether their parent was terminated.

        These are the children whose parents no longer wait. Children that a parent has left to go
        on stop only if the parent was cancelled or terminated. Of one parent, or of all.
        """
        which = "" if parent_id is None else " AND c.parent = ?"
        readers = self._lists if parent_id is None else self._readers
        rows = await readers.all(
            "SELECT c.id, p.status = 'terminated' FROM runs c JOIN runs p ON p.id = c.parent"
            " WHERE c.parent IS NOT NULL AND c.ended_at_ms IS NULL"
            " AND (p.status IN ('cancelled', 'terminated') OR c.apart = 0"
            " AND (p.ended_at_ms IS NOT NULL OR p.executions != c.parent_execution"
            f" OR p.attempt != c.parent_attempt OR p.state IN ('backing_off', 'stopping'))){which}",
            () if parent_id is None else (run_number(parent_id),),
        )
        return [(run_id(number), bool(terminated)) for number, terminated in rows]

    async def is_left(self, child_id: str) -> bool:
        """Return whether an ancestor of this run has ended or no longer awaits the one below it."""
        found = await self._readers.one(
            "WITH RECURSIVE up (id, parent, execution, attempt) AS ("
            " SELECT id, parent, parent_execution, parent_attempt FROM runs"
            " WHERE id = ? AND apart = 0"
            " UNION SELECT r.id, r.parent, r.parent_execution, r.parent_attempt"
            " FROM runs r JOIN up ON r.id = up.parent AND r.apart = 0)"
            " SELECT 1 FROM up JOIN runs p ON p.id = up.parent WHERE p.ended_at_ms IS NOT NULL"
            " OR p.executions != up.execution OR p.attempt != up.attempt"
            " OR p.state IN ('backing_off', 'stopping') LIMIT 1",
            (run_number(child_id),),
        )
        return found is not None

    async def parents_to_look(self) -> list[LeftBehind]:
        """Return the runs that may have missed a change of their children because of a restart.

        These are the runs that wait although no child runs; those shown as paused although a child
        runs or none is paused; those with ended children, since a failure may be news or leave room
        for the next child; and those that wait for their children to stop, if all have stopped.
        """
        child = (
            "EXISTS (SELECT 1 FROM runs c WHERE c.parent = p.id"
            " AND c.parent_execution = p.executions AND c.status {})"
        )
        running, paused = child.format("= 'running'"), child.format("= 'paused'")
        ended = child.format("IN ('completed', 'failed', 'cancelled', 'terminated')")
        rows = await self._lists.all(
            f"SELECT p.id, p.tenant, p.seq FROM runs p WHERE p.state = 'awaiting' AND ({running} ="
            f" (p.status = 'paused') OR p.status = 'paused' AND NOT {paused} OR {ended})"
            " OR p.state = 'stopping' AND NOT EXISTS (SELECT 1 FROM runs c WHERE c.parent = p.id"
            " AND c.ended_at_ms IS NULL AND c.apart = 0)"
        )
        return [LeftBehind(*row) for row in rows]

    async def _rows(
        self, family: Family, condition: str, *values: int, limit: int = ALL_ROWS
    ) -> list[ChildRow]:
        rows = await self._readers.all(
            "SELECT id, item, status, parent_attempt FROM runs"
            " WHERE parent = ? AND parent_execution = ?"
            f" AND item >= ? AND item < ? AND {condition} ORDER BY item, parent_attempt LIMIT ?",
            (*_values(family), *values, limit),
        )
        return [
            ChildRow(run_id(number), item, status, state) for number, item, status, state in rows
        ]


def _values(family: Family) -> tuple[int, int, int, int]:
    end = family.first + family.total
    return (run_number(family.parent_id), family.execution, family.first, end)
