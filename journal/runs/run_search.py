"""Finds runs by labels, by words, and by whatever no index has in the order of the list.

If an index holds only few runs that meet some of the conditions, all others are checked for these.
Otherwise they are checked run by run, in limited parts of the results of an index. A page may
therefore have fewer runs than requested, and it says where the next page begins.
"""

import json
import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from engine.value import value
from journal.reading.readers import Readers
from journal.runs.run_filter import Listing, RunFilter, conditions, skipped
from journal.runs.run_order import RunPosition
from journal.runs.run_sources import by_list, narrow, page_of_few, part
from journal.runs.runs import RUN_COLUMNS, RunList, RunRow, run_rows

_FIRST_PART = 100
_MOST_LOOKED_AT = 2_000
"""How many runs a page looks at: in parts, each five times as long as the one before."""
_MOST_READ = 1_000
"""The same, if the row of each run has to be read to know whether it matches.

Fewer, if words are searched, or another row is read for each of them.
"""

_FEW = 500
"""If an index holds no more runs that may match, each of them is looked at."""
_FEW_SEARCHED = 16
"""The same, if each of them has to be searched for words that many others have."""

_FEW_NAMED = 200
"""How many of the runs that have words are compared with those that an index holds."""

_SEARCHED, _SECOND_ROW = 2, 1
"""What a search and a second row cost for each run that is looked at, in rows."""

_MARK = re.compile(r"\?")
_NUMBER = re.compile(r"(?:dynamic-workflow-)?([1-9][0-9]{0,17})", re.ASCII)


@value(frozen=True, slots=True)
class RunPage:
    """A page of runs, and the place after which the next one begins; None at the end."""

    rows: Sequence[RunRow]
    following: RunPosition | None


class RunSearch:
    """Pages of the list of runs, for any filter."""

    def __init__(self, lists: Readers, runs: RunList) -> None:
        self._lists = lists
        self._runs = runs

    async def page(self, tenant: str, wanted: RunFilter, limit: int) -> RunPage:
        """Return at most `limit` runs of the tenant, in the requested order."""
        order = wanted.order
        if not wanted.is_search:
            rows = await self._runs.page(tenant, wanted, limit + 1)
            return _cut(rows, limit, wanted)
        found = await self._by_number(tenant, wanted)
        named = {row.number for row in found}  # the words may find this run too
        few = await self._few(tenant, wanted)
        own = wanted
        if few and wanted.text:
            few, own = await self._with_words(tenant, wanted, few)
        if few is not None:
            more = await self._among(tenant, own, few, limit + 1 - len(found))
            return _cut([*found, *_others(more, named)], limit, wanted)
        place, size = wanted.before, max(_FIRST_PART, limit)
        left = _most(wanted)
        while left > 0:
            some = part(tenant, replace(wanted, before=place), size)
            more, last = await self._matching(tenant, wanted, some, limit + 1 - len(found))
            found += _others(more, named)
            if len(found) > limit:
                return RunPage(found[:limit], found[limit - 1].place(order))
            if last is None:
                return RunPage(found, None)
            place, left = last, left - size
            size = min(5 * size, left)
        return RunPage(found, place)

    async def _matching(
        self, tenant: str, wanted: RunFilter, some: Listing, limit: int
    ) -> tuple[list[RunRow], RunPosition | None]:
        """Return the first runs of a part that match all conditions, and the place of its last.

        The place is None if the part is the last one.
        """
        labels = wanted.labels if wanted.text else wanted.labels[1:]
        own, values = _conditions(tenant, replace(wanted, text=None, labels=labels))
        # Checked before the run itself is read: the index has the column.
        skip = skipped(wanted).values() if by_list(wanted) else ()
        only = f" WHERE {' AND '.join(skip)}" if skip else ""
        found, last = await self._lists.one(
            f"WITH part AS MATERIALIZED ({some.sql})"
            f" SELECT (SELECT json_group_array(json_array({RUN_COLUMNS})) FROM (SELECT runs.* FROM"
            f" (SELECT id AS listed FROM (SELECT * FROM part) AS part{only}) AS lines"
            " CROSS JOIN runs ON runs.id = listed"
            f" WHERE {' AND '.join(own)} LIMIT :most) AS chosen),"
            " (SELECT json_array(listed_by, id) FROM part LIMIT 1 OFFSET :limit - 1)",
            {**some.values, **values, "most": limit},
        )
        rows = await run_rows(found)
        return rows, None if last is None else RunPosition(*json.loads(last))

    async def _few(self, tenant: str, wanted: RunFilter) -> list[int] | None:
        """Return the only runs that can match, if an index shows that they are few."""
        for some in narrow(tenant, wanted, _FEW + 1):
            rows = await self._lists.all(f"SELECT id FROM ({some.sql}) AS few", some.values)
            if len(rows) <= _FEW:
                return [number for (number,) in rows]
        return None

    async def _with_words(
        self, tenant: str, wanted: RunFilter, few: list[int]
    ) -> tuple[list[int] | None, RunFilter]:
        """Return those of few runs that have the words of a filter, and the filter without words.

        If many others have them too, return the runs with the filter as it is; None for the runs if
        they are too many to search each for the words.
        """
        newest = RunPosition(0, max(few) + 1)
        some = part(tenant, RunFilter(text=wanted.text, before=newest), _FEW_NAMED + 1)
        rows = await self._lists.all(some.sql, some.values)
        if len(rows) > _FEW_NAMED and rows[-1][0] > min(few):
            return few if len(few) <= _FEW_SEARCHED else None, wanted
        named = {number for number, _ in rows}
        return [number for number in few if number in named], replace(wanted, text=None)

    async def _among(
        self, tenant: str, wanted: RunFilter, numbers: Sequence[int], limit: int
    ) -> list[RunRow]:
        """Return the first of these runs that match all conditions, in the requested order."""
        if not numbers:
            return []
        own, values = _conditions(tenant, wanted)
        behind, place = page_of_few(wanted)
        if wanted.order.of_ended:
            own.append("ended_at_ms IS NOT NULL")
        column, way = wanted.order.column, "ASC" if wanted.order.ascending else "DESC"
        (found,) = await self._lists.one(
            f"SELECT json_group_array(json_array({RUN_COLUMNS})) FROM (SELECT runs.* FROM"
            " (SELECT CAST(value AS BIGINT) AS listed FROM json_each(:numbers)) AS few"
            " CROSS JOIN runs ON runs.id = listed"
            f" WHERE {' AND '.join([*own, behind])} ORDER BY {column} {way}, id {way}"
            " LIMIT :limit) AS chosen",
            {**values, **place, "numbers": json.dumps(numbers), "limit": limit},
        )
        return wanted.order.sorted(await run_rows(found))

    async def _by_number(self, tenant: str, wanted: RunFilter) -> list[RunRow]:
        """Return the run whose id or number is the search text, on the first page."""
        named = _NUMBER.fullmatch(wanted.text.strip()) if wanted.text else None
        if named is None or wanted.before is not None:
            return []
        one = replace(wanted, top_level=False, text=None)
        return await self._among(tenant, one, [int(named[1])], 1)


def _others(rows: Sequence[RunRow], named: AbstractSet[int]) -> Iterable[RunRow]:
    return (row for row in rows if row.number not in named) if named else rows


def _most(wanted: RunFilter) -> int:
    """Return how many runs a page may look at."""
    if not wanted.reads_rows:
        return _MOST_LOOKED_AT
    more = _SEARCHED if wanted.text else 0
    more += _SECOND_ROW if wanted.started_by is not None else 0
    return _MOST_READ // (1 + more)


def _cut(rows: Sequence[RunRow], limit: int, wanted: RunFilter) -> RunPage:
    """Return the page of the first runs of all that are left."""
    last = rows[limit - 1].place(wanted.order) if len(rows) > limit else None
    return RunPage(rows[:limit], last)


def _conditions(tenant: str, wanted: RunFilter) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions on a run, and their values, bound by name."""
    parts, given = conditions(tenant, replace(wanted, before=None))
    names = iter(range(len(given)))
    own = [_MARK.sub(lambda _: f":own{next(names)}", part) for part in parts]
    return own, {f"own{index}": value for index, value in enumerate(given)}
