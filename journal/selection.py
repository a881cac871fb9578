"""Which runs a command for many runs means."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from journal.readers import Readers
from journal.run_ids import run_id, run_number
from journal.runs import RunFilter, conditions

_OPEN = "ended_at_ms IS NULL"
_DELETABLE = "ended_at_ms IS NOT NULL AND parent IS NULL"


@dataclass(frozen=True, slots=True)
class Matched:
    """How many runs are meant, and the number that all of them are below; None for none."""

    runs: int
    before: int | None


class Selection:
    """Pages through the ids of runs that can be stopped, or deleted."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def open(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, limit: int
    ) -> list[str]:
        """Return at most `limit` runs that have not ended, the newest first."""
        return await self._page(tenant, wanted, ids, _OPEN, limit)

    async def deletable(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, limit: int
    ) -> list[str]:
        """Return at most `limit` runs that have ended and are no children, the newest first."""
        return await self._page(tenant, wanted, ids, _DELETABLE, limit)

    async def count(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, *, is_open: bool
    ) -> Matched:
        """Count the runs that can be stopped, or deleted."""
        where, values = _where(tenant, wanted, ids, _OPEN if is_open else _DELETABLE)
        count, newest = await self._readers.one(
            f"SELECT count(*), max(id) FROM runs WHERE {where}", values
        )
        return Matched(int(count), None if newest is None else int(newest) + 1)

    async def highest(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, run_ids: Sequence[str]
    ) -> list[str]:
        """Return, for each run, the highest run above it that is meant too, or it itself.

        A family is stopped from its top: a child that is stopped while its parent goes on is to
        its parent a child that has failed.
        """
        where, values = _where(tenant, wanted, ids, _OPEN)
        rows = await self._readers.all(
            "WITH RECURSIVE up (run, id, depth) AS ("
            " SELECT value, value, 0 FROM json_each(?)"
            " UNION ALL SELECT up.run, r.parent, depth + 1 FROM up JOIN runs r ON r.id = up.id"
            " WHERE r.parent IS NOT NULL)"
            f" SELECT run, id FROM up WHERE id IN (SELECT id FROM runs WHERE {where}"
            " AND id IN (SELECT id FROM up)) ORDER BY depth",
            (json.dumps([run_number(one) for one in run_ids]), *values),
        )
        highest = dict(rows)  # the last row of a run is the highest
        return [run_id(highest.get(number, number)) for number in map(run_number, run_ids)]

    async def _page(
        self, tenant: str, wanted: RunFilter, ids: Sequence[str] | None, state: str, limit: int
    ) -> list[str]:
        where, values = _where(tenant, wanted, ids, state)
        rows = await self._readers.all(
            f"SELECT id FROM runs WHERE {where} ORDER BY id DESC LIMIT ?", (*values, limit)
        )
        return [run_id(number) for (number,) in rows]


def _where(
    tenant: str, wanted: RunFilter, ids: Sequence[str] | None, state: str
) -> tuple[str, list[Any]]:
    parts, values = conditions(tenant, wanted)
    parts.append(state)
    if ids is not None:
        parts.append(f"id IN ({','.join('?' * len(ids))})")
        values += [run_number(one) for one in ids]
    return " AND ".join(parts), values
