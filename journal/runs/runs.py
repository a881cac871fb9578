"""The list of runs: everything that can be read without a history."""

import asyncio
import json
from collections.abc import Iterable

from pydantic_core import from_json

from engine.value import value
from journal.reading.readers import Readers
from journal.rows.columns import columns
from journal.rows.run_ids import run_id, run_number
from journal.runs.run_filter import RunFilter, listing
from journal.runs.run_order import NEWEST_FIRST, RunKey, RunOrder, RunPosition
from journal.runs.suspects import SELECT_SUSPECTS, Suspect, suspects_of

_ROWS_AT_ONCE = 50
"""How many rows of a page are processed before other work has its turn."""


@value(frozen=True, slots=True)
class RunRow:
    """One line of the list. Times are Unix milliseconds.

    Attributes:
        waiting_until_ms: Until when it sleeps; None while it does not.
        held: Whether a hold stops it.
        body: Which body of its workflow's document it runs; None for the whole document.
        retry_at_ms: When the next attempt of its step is due; None while it waits for none.
        attempt: The attempt of the step that it is in, 0 in none.
    """

    number: int
    workflow_id: str
    version: str
    status: str
    step_id: str | None
    started_at_ms: int
    updated_at_ms: int
    ended_at_ms: int | None
    parent: int | None
    item: int | None
    waiting_until_ms: int | None
    held: int = 0
    body: str | None = None
    retry_at_ms: int | None = None
    attempt: int = 0

    @property
    def parent_run_id(self) -> str | None:
        """The id of the run that started this one."""
        return None if self.parent is None else run_id(self.parent)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return run_id(self.number)

    def place(self, order: RunOrder = NEWEST_FIRST) -> RunPosition:
        """Return the run's place in a list with that order."""
        ended_ms = self.ended_at_ms or 0
        keys: dict[RunKey, int] = {
            "startTime": self.started_at_ms,
            "endTime": ended_ms,
            "duration": ended_ms - self.started_at_ms,
        }
        return RunPosition(keys[order.by], self.number)


@value(frozen=True, slots=True)
class LeftBehind:
    """A run that a restart left behind, with the number of its newest event."""

    number: int
    tenant: str
    seq: int


RUN_COLUMNS = columns(
    RunRow,
    number="id",
    waiting_until_ms="CASE state WHEN 'sleeping' THEN due_at_ms END",
    held="state = 'held'",
    retry_at_ms="CASE state WHEN 'backing_off' THEN due_at_ms END",
)
_UNFINISHED = "(state = 'new' OR state = 'ready' OR state = 'executing')"
"""As in the index: SQLite uses it only for the same words."""


async def run_rows(found: str | None) -> list[RunRow]:
    """Return the rows in a JSON list of their columns, None for an empty one."""
    columns = from_json(found) if found else []
    rows: list[RunRow] = []
    for first in range(0, len(columns), _ROWS_AT_ONCE):
        if first:
            await asyncio.sleep(0)
        rows += [RunRow(*fields) for fields in columns[first : first + _ROWS_AT_ONCE]]
    return rows


class RunList:
    """Queries over the projection of all runs."""

    def __init__(self, readers: Readers, lists: Readers) -> None:
        self._readers = readers
        self._lists = lists

    async def page(self, tenant: str, wanted: RunFilter, limit: int) -> list[RunRow]:
        """Return at most `limit` runs of the tenant, in the requested order."""
        found, order = listing(tenant, wanted, limit), wanted.order
        # All rows at once: a reading thread gives up the interpreter's lock with each row, and
        # beside a busy event loop it waits milliseconds to get it back.
        parts = await self._lists.all(
            f"SELECT min(place), json_group_array(json_array({RUN_COLUMNS})) FROM"
            f" (SELECT id AS listed, row_number() OVER (ORDER BY {order.words}) AS place"
            f" FROM ({found.sql}) AS found)"
            f" AS lines CROSS JOIN runs ON id = listed GROUP BY (place - 1) / {_ROWS_AT_ONCE}",
            found.values,
        )
        rows: list[RunRow] = []
        for _, part in sorted(parts):
            if rows:
                await asyncio.sleep(0)
            rows += order.sorted(await run_rows(part))
        return rows

    async def known(self, tenant: str, run_ids: Iterable[str]) -> set[str]:
        """Return those of the runs that exist and are the tenant's."""
        numbers = [run_number(name) for name in run_ids]
        rows = await self._readers.all(
            "SELECT id FROM runs WHERE +tenant = ? AND id IN (SELECT CAST(value AS BIGINT)"
            " FROM json_each(?))",
            (tenant, json.dumps(numbers)),
        )
        return {run_id(number) for (number,) in rows}

    async def settled(self, run_ids: Iterable[str]) -> list[str]:
        """Return those of the runs that have ended, or wait for a person."""
        rows = await self._readers.all(
            "SELECT id FROM runs WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"
            " AND status <> 'running'",
            (json.dumps([run_number(name) for name in run_ids]),),
        )
        return [run_id(number) for (number,) in rows]

    async def due(
        self, now_ms: int, after: tuple[int, int], limit: int
    ) -> list[tuple[int, int, str]]:
        """Return (due at, number, id) of runs whose timer is due, the most overdue first.

        Those behind `after`, which is (due at, number) of one.
        """
        rows = await self._readers.all(
            "SELECT due_at_ms, id FROM runs WHERE due_at_ms <= ? AND (due_at_ms, id) > (?, ?)"
            " ORDER BY due_at_ms, id LIMIT ?",
            (now_ms, *after, limit),
        )
        return [(due_at_ms, number, run_id(number)) for due_at_ms, number in rows]

    async def backing_off(self, after: tuple[int, int], limit: int) -> list[tuple[int, int, str]]:
        """Return the same of runs that wait for a retry, those behind `after`."""
        rows = await self._readers.all(
            "SELECT due_at_ms, id FROM runs WHERE due_at_ms >= ? AND (due_at_ms, id) > (?, ?)"
            " AND state = 'backing_off' ORDER BY due_at_ms, id LIMIT ?",
            (after[0], *after, limit),
        )
        return [(due_at_ms, number, run_id(number)) for due_at_ms, number in rows]

    async def next_due_ms(self, after_ms: int) -> int | None:
        """Return the time of the earliest timer after `after_ms`; None if none is set."""
        row = await self._readers.one(
            "SELECT due_at_ms FROM runs WHERE due_at_ms > ? ORDER BY due_at_ms LIMIT 1", (after_ms,)
        )
        return int(row[0]) if row else None

    async def unfinished(self, after: int, limit: int) -> list[LeftBehind]:
        """Return runs that have to be driven: inside a step, or between two.

        Ordered by number, those with a larger one than `after`.
        """
        row = await self._lists.one(
            "SELECT json_group_array(json_array(id, tenant, seq)) FROM (SELECT id, tenant, seq"
            f" FROM runs INDEXED BY runs_unfinished WHERE {_UNFINISHED} AND id > ?"
            " ORDER BY id LIMIT ?) AS found",
            (after, limit),
        )
        return [LeftBehind(*fields) for fields in json.loads(row[0] or "[]")]

    async def suspects(self) -> list[Suspect]:
        """Return the runs inside a step that the end of the process has cut off before."""
        return suspects_of(await self._readers.all(SELECT_SUSPECTS))

    async def last_number(self) -> int:
        """Return the largest run number ever used, 0 before the first."""
        row = await self._readers.one("SELECT max(id) FROM runs")
        kept = await self._readers.one("SELECT value FROM meta WHERE key = 'last_run_number'")
        return max(int(row[0] or 0), int(kept[0]) if kept else 0)
