"""Finds runs by labels, by words, and without runs that other runs started.

Other conditions are checked run by run, in limited parts of the results of an index. A page may
therefore have fewer runs than requested, and it says where the next page begins.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.value import value
from journal.reading.readers import Readers
from journal.runs.run_filter import (
    INPUTS,
    Listing,
    RunFilter,
    conditions,
    listing,
    skipped,
    words_query,
)
from journal.runs.run_order import RunPosition
from journal.runs.runs import RUN_COLUMNS, RunList, RunRow

_FIRST_PART = 200
_MOST_LOOKED_AT = 20_000
"""How many runs a page reads: in parts, each five times as long as the one before."""
_MOST_READ = 5_000
"""The same, if an event of each run has to be read to know whether it matches."""

_FEW = 2_000
"""If no more runs took so long, they are found by their duration, and not one by one."""

_FULL_TEXTS = (
    ("run_words", "run_captions", "words"),
    ("run_input_words", "run_inputs", "inputs"),
)
"""Where words are searched: the index, the table that it indexes, and the query."""

_TOOK = "(ended_at_ms - started_at_ms)"
_LATEST = 10**18
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
            last = rows[limit - 1].place(order) if len(rows) > limit else None
            return RunPage(rows[:limit], last)
        found = await self._by_number(tenant, wanted)
        place, size = wanted.before, max(_FIRST_PART, limit)
        left = _MOST_READ if wanted.reads_events else _MOST_LOOKED_AT
        few = await self._few(tenant, wanted)
        while left > 0:
            part = few or _part(tenant, replace(wanted, before=place), size)
            more = await self._matching(tenant, wanted, part, limit + 1 - len(found))
            found += [row for row in more if row not in found]
            if len(found) > limit:
                return RunPage(found[:limit], found[limit - 1].place(order))
            if few is not None:
                return RunPage(found, None)
            row = await self._lists.one(
                f"SELECT listed_by, id FROM ({part.sql}) AS part LIMIT 1 OFFSET :limit - 1",
                part.values,
            )
            if row is None:
                return RunPage(found, None)
            place, left = RunPosition(*row), left - size
            size = min(5 * size, left)
        return RunPage(found, place)

    async def _matching(
        self, tenant: str, wanted: RunFilter, part: Listing, limit: int
    ) -> list[RunRow]:
        """Return the first runs of a part that match all conditions."""
        own, values = _conditions(tenant, wanted)
        # Checked before the run itself is read: the index has the column.
        skip = skipped(wanted).values() if _by_list(wanted) else ()
        only = f" WHERE {' AND '.join(skip)}" if skip else ""
        row = await self._lists.one(
            f"SELECT json_group_array(json_array({RUN_COLUMNS})) FROM (SELECT runs.* FROM"
            f" (SELECT id AS listed FROM ({part.sql}) AS part{only}) AS lines"
            " CROSS JOIN runs ON runs.id = listed"
            f" WHERE {' AND '.join(own)} LIMIT :most) AS runs",
            {**part.values, **values, "most": limit},
        )
        return [RunRow(*fields) for fields in json.loads(row[0] or "[]")]

    async def _few(self, tenant: str, wanted: RunFilter) -> Listing | None:
        """Return the runs that took as long as is asked for, by start; None if there are many."""
        if not _by_list(wanted) or wanted.parent_id is not None or wanted.order.of_ended:
            return None
        bounds = {"longer": wanted.longer_ms, "shorter": wanted.shorter_ms}
        signs = {"longer": ">=", "shorter": "<"}
        asked = [f"{_TOOK} {signs[name]} :{name}" for name, ms in bounds.items() if ms is not None]
        arms = [
            "SELECT * FROM (SELECT {columns} FROM runs INDEXED BY runs_by_duration"
            f" WHERE tenant = :tenant AND status = '{status}' AND ended_at_ms IS NOT NULL"
            f" AND {' AND '.join(asked)} LIMIT :few) AS arm"
            for status in wanted.among()
        ]
        if not (asked and arms):
            return None
        every = " UNION ALL ".join(arms)
        values = {"tenant": tenant, "few": _FEW + 1, **bounds}
        row = await self._lists.one(
            f"SELECT count(*) FROM ({every.format(columns='id')}) AS few", values
        )
        if row[0] > _FEW:
            return None
        place = wanted.before or wanted.order.before_all
        found = every.format(columns="id, started_at_ms AS listed_by, parent")
        return Listing(
            f"SELECT * FROM ({found}) AS few WHERE (listed_by, id) {wanted.order.behind}"
            f" (:started, :number) ORDER BY {wanted.order.words} LIMIT :few",
            {**values, "started": place.key, "number": place.number},
        )

    async def _by_number(self, tenant: str, wanted: RunFilter) -> list[RunRow]:
        """Return the run whose id or number is the search text, on the first page."""
        named = _NUMBER.fullmatch(wanted.text.strip()) if wanted.text else None
        if named is None or wanted.before is not None:
            return []
        one = Listing("SELECT :named AS id", {"named": int(named[1])})
        return await self._matching(tenant, replace(wanted, top_level=False), one, 1)


def _part(tenant: str, wanted: RunFilter, limit: int) -> Listing:
    """Return the statement that finds the next runs to read."""
    if _by_list(wanted):
        return listing(tenant, wanted, limit, also="".join(f", {name}" for name in skipped(wanted)))
    order = wanted.order
    place = wanted.before or order.before_all
    values: dict[str, Any] = {
        "tenant": tenant,
        "started": place.key,
        "number": place.number,
        "limit": limit,
    }
    if wanted.text:
        values["words"] = words_query(tenant, wanted.text)
        values["inputs"] = words_query(tenant, wanted.text, INPUTS)
        down = "ASC" if order.ascending else "DESC"
        arms = " UNION ".join(
            "SELECT * FROM (SELECT w.rowid AS id, c.started_at_ms AS listed_by"
            f" FROM {words} w CROSS JOIN {kept} c ON c.run = w.rowid"
            f" WHERE {words} MATCH :{asked} AND w.rowid {order.behind} :number"
            f" ORDER BY w.rowid {down} LIMIT :limit) AS arm"
            for words, kept, asked in _FULL_TEXTS
        )
        return Listing(f"{arms} ORDER BY id {down} LIMIT :limit", values)
    values["name"], values["value"] = wanted.labels[0]
    values["since"], values["until"] = wanted.since_ms or 0, wanted.until_ms or _LATEST
    if order.ascending and values["since"] > place.key:
        values |= {"started": values["since"], "number": 0}
    if not order.ascending and values["until"] <= place.key:
        values |= {"started": values["until"], "number": 0}
    rest = "started_at_ms < :until" if order.ascending else "started_at_ms >= :since"
    return Listing(
        "SELECT run AS id, started_at_ms AS listed_by FROM run_labels"
        " WHERE tenant = :tenant AND name = :name AND value = :value"
        f" AND (started_at_ms, run) {order.behind} (:started, :number) AND {rest}"
        f" ORDER BY {order.words} LIMIT :limit",
        values,
    )


def _by_list(wanted: RunFilter) -> bool:
    """Return whether runs are scanned in the order of the list, for lack of a better index."""
    return not (wanted.labels or wanted.text)


def _conditions(tenant: str, wanted: RunFilter) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions that the index does not cover, and their values, bound by name."""
    labels = wanted.labels if wanted.text else wanted.labels[1:]
    parts, given = conditions(tenant, replace(wanted, before=None, text=None, labels=labels))
    names = iter(range(len(given)))
    own = [_MARK.sub(lambda _: f":own{next(names)}", part) for part in parts]
    return own, {f"own{index}": value for index, value in enumerate(given)}
