"""Which runs a command for many runs selects.

A family or a tenant may have a million runs. Each query scans a limited part of them, so that
others get their turn at the reading connections.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.value import value
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.runs.run_filter import ENDED, OPEN, RunFilter, conditions, listing
from journal.runs.run_order import RunPosition
from journal.runs.run_search import RunSearch

_OPEN = "ended_at_ms IS NULL"
_DELETABLE = "ended_at_ms IS NOT NULL AND parent IS NULL"
_NO_CHILDREN = " CROSS JOIN runs r ON r.id = part.id WHERE r.parent IS NULL"
_SEARCHED = 500
_LOOKED_AT = 5_000
"""Runs that one query goes through at most."""


@value(frozen=True, slots=True)
class Matched:
    """How many runs match, and a place in the list before all of them."""

    runs: int
    before: RunPosition | None


class Selection:
    """Pages through runs that can be stopped, or deleted."""

    def __init__(self, readers: Readers, search: RunSearch) -> None:
        self._readers = readers
        self._search = search

    async def open(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, limit: int
    ) -> list[RunPosition]:
        """Return at most `limit` runs that have not ended, the newest first."""
        if ids is not None:
            return await self._named(tenant, wanted, ids, _OPEN, limit)
        if wanted.is_search:
            return await self._searched(tenant, wanted, OPEN, limit)
        return [place for place, _ in await self._looked_at(tenant, wanted, OPEN, limit)]

    async def deletable(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, limit: int
    ) -> list[RunPosition]:
        """Return at most `limit` ended runs that are no children, the newest first."""
        if ids is not None:
            return await self._named(tenant, wanted, ids, _DELETABLE, limit)
        if wanted.is_search:
            return await self._searched(tenant, replace(wanted, top_level=True), ENDED, limit)
        found: list[RunPosition] = []
        at_once = limit
        while True:
            rows = await self._looked_at(tenant, wanted, ENDED, at_once)
            found += [place for place, is_child in rows if not is_child]
            if len(found) >= limit or len(rows) < at_once:
                return found[:limit]
            wanted = replace(wanted, before=rows[-1][0])
            at_once = min(2 * at_once, _LOOKED_AT)

    async def count(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, *, is_open: bool
    ) -> Matched:
        """Count the runs that can be stopped, or deleted."""
        if ids is not None:
            state = _OPEN if is_open else _DELETABLE
            found = await self._named(tenant, wanted, ids, state, len(ids))
            return Matched(len(found), _above(found[:1]))
        statuses = OPEN if is_open else ENDED
        if wanted.is_search:
            asked = wanted if is_open else replace(wanted, top_level=True)
            places = await self._searched(tenant, asked, statuses, None)
            return Matched(len(places), _above(places))
        total = 0
        for status in wanted.among(statuses):
            total += await self._count(tenant, wanted, status, with_children=is_open)
        newest = await self._looked_at(tenant, wanted, statuses, 1) if total else []
        return Matched(total, _above([place for place, _ in newest]))

    async def highest(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, run_ids: Sequence[str]
    ) -> list[str]:
        """Return, for each run, its topmost ancestor that is selected too, or the run itself.

        A family is stopped from its top: if a child is stopped while its parent continues, the
        parent sees a failed child.
        """
        where, values = _named(tenant, wanted, ids, _OPEN)
        rows = await self._readers.all(
            "WITH RECURSIVE up (run, id, depth) AS ("
            " SELECT CAST(value AS BIGINT), CAST(value AS BIGINT), 0 FROM json_each(?)"
            " UNION ALL SELECT up.run, r.parent, depth + 1 FROM up JOIN runs r ON r.id = up.id"
            " WHERE r.parent IS NOT NULL)"
            f" SELECT run, id FROM up WHERE id IN (SELECT id FROM runs WHERE {where}"
            " AND id IN (SELECT id FROM up)) ORDER BY depth",
            (json.dumps([run_number(one) for one in run_ids]), *values),
        )
        highest = dict(rows)  # the last row of a run is the highest
        return [run_id(highest.get(number, number)) for number in map(run_number, run_ids)]

    async def _count(
        self, tenant: str, wanted: RunFilter, status: str, *, with_children: bool
    ) -> int:
        """Count the runs of a status, a part at a time."""
        total = 0
        while True:
            part = listing(tenant, wanted, _LOOKED_AT, (status,))
            row = await self._readers.one(
                f"SELECT count(*) FROM ({part.sql}) part{'' if with_children else _NO_CHILDREN}",
                part.values,
            )
            total += int(row[0])
            last = await self._readers.one(
                f"SELECT listed_by, id FROM ({part.sql}) AS part LIMIT 1 OFFSET :limit - 1",
                part.values,
            )
            if last is None:
                return total
            wanted = replace(wanted, before=RunPosition(*last))

    async def _searched(
        self, tenant: str, wanted: RunFilter, statuses: Sequence[str], limit: int | None
    ) -> list[RunPosition]:
        """Return the first runs of these statuses that a search finds; None means any status."""
        found: list[RunPosition] = []
        while limit is None or len(found) < limit:
            page = await self._search.page(tenant, wanted, _SEARCHED)
            found += [row.place() for row in page.rows if row.status in statuses]
            if page.following is None:
                break
            wanted = replace(wanted, before=page.following)
        return found[:limit]

    async def _looked_at(
        self, tenant: str, wanted: RunFilter, statuses: Sequence[str], limit: int
    ) -> list[tuple[RunPosition, bool]]:
        """Return the first runs, with whether they are children."""
        found = listing(tenant, wanted, limit, statuses)
        row = await self._readers.one(
            "SELECT json_group_array(json_array(started_at_ms, id, parent IS NOT NULL)) FROM"
            f" (SELECT id AS listed FROM ({found.sql}) AS found) AS lines"
            " CROSS JOIN runs ON id = listed",
            found.values,
        )
        found_rows = [
            (RunPosition(started_ms, number), bool(is_child))
            for started_ms, number, is_child in json.loads(row[0] or "[]")
        ]
        return sorted(found_rows, reverse=True)

    async def _named(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str], state: str, limit: int
    ) -> list[RunPosition]:
        """Return those of some runs that are selected."""
        where, values = _named(tenant, wanted, ids, state)
        rows = await self._readers.all(
            f"SELECT started_at_ms, id FROM runs WHERE {where}"
            " ORDER BY started_at_ms DESC, id DESC LIMIT ?",
            (*values, limit),
        )
        return [RunPosition(*row) for row in rows]


def _above(places: Sequence[RunPosition]) -> RunPosition | None:
    """Return the place right before the newest of some runs; None if there are none."""
    if not places:
        return None
    newest = max(places)
    return RunPosition(newest.key, newest.number + 1)


def _named(
    tenant: str, wanted: RunFilter, ids: Sequence[str] | None, state: str
) -> tuple[str, list[Any]]:
    parts, values = conditions(tenant, wanted)
    parts.append(state)
    if ids is not None:
        parts.append(f"id IN ({','.join('?' * len(ids))})")
        values += [run_number(one) for one in ids]
    return " AND ".join(parts), values
