"""Where a search finds the runs to look at: by the index that holds the fewest others.

Conditions that the index does not cover are checked run by run (`journal/runs/run_search.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.value import value
from journal.runs.run_filter import (
    ENDED,
    INPUTS,
    OPEN,
    Listing,
    RunFilter,
    listing,
    skipped,
    words_query,
)
from journal.runs.run_order import NEWEST_FIRST, RunPosition

_LATEST = 10**18
_TOOK = "(ended_at_ms - started_at_ms)"
_WAITS = ("backing_off", "sleeping")
"""The states of which an index has the runs."""


@value(frozen=True, slots=True)
class _ByStart:
    """A table that has the runs of a value in the order of their start.

    Attributes:
        number: The column with the run's number.
        covered: The condition by which its index is chosen, if that is a partial one.
    """

    table: str
    number: str = "run"
    covered: str = ""


_FULL_TEXTS = (
    ("run_words", "run_captions", "words"),
    ("run_input_words", "run_inputs", "inputs"),
)
"""Where words are searched: the index, the table that it indexes, and the query."""


def narrow(tenant: str, wanted: RunFilter, few: int) -> Iterator[Listing]:
    """Yield statements for the runs of conditions that an index covers, at most `few` by each.

    Each returns `id`, among others in no order of use: whether they are so few is what is asked.
    """
    if wanted.error_type is not None:
        yield _failures(tenant, "error_type", wanted.error_type, wanted, few)
    if wanted.text and wanted.labels:
        yield _labelled(tenant, wanted, few)
    if wanted.parent_id is None and (wanted.longer_ms, wanted.shorter_ms) != (None, None):
        yield _by_duration(tenant, wanted, few)
    names = ("status", "workflow_id", "since_ms", "until_ms", "parent_id")
    given = {name: getattr(wanted, name) for name in names}
    if any(one is not None for one in given.values()) or wanted.state is not None:
        plain = RunFilter(top_level=wanted.top_level, before=_started(wanted), **given)
        yield listing(tenant, plain, few, wanted.among())
        if wanted.parent_id is not None and wanted.workflow_id is not None:
            yield listing(tenant, replace(plain, parent_id=None), few, wanted.among())


def part(tenant: str, wanted: RunFilter, limit: int) -> Listing:
    """Return the statement that finds the next runs to look at, in the requested order."""
    if wanted.text:
        return _by_words(tenant, wanted, wanted.text, limit)
    if wanted.labels:
        return _labelled(tenant, wanted, limit)
    if by_list(wanted):
        return listing(tenant, wanted, limit, also="".join(f", {name}" for name in skipped(wanted)))
    if wanted.error_type is not None:
        return _failures(tenant, "error_type", wanted.error_type, wanted, limit)
    if wanted.state is not None:
        waiting = _ByStart("runs INDEXED BY runs_by_wait", "id", f" AND state IN {_WAITS}")
        return _kept(waiting, {"state": wanted.state}, tenant, wanted, limit)
    return _in_step(tenant, str(wanted.step_id), wanted, limit)


def by_list(wanted: RunFilter) -> bool:
    """Return whether runs are scanned in the order of the list, for lack of a better index."""
    if wanted.labels or wanted.text:
        return False
    has_own = wanted.error_type is not None or wanted.step_id is not None or wanted.state in _WAITS
    return not has_own or wanted.order.of_ended or wanted.parent_id is not None


def _started(wanted: RunFilter) -> RunPosition | None:
    """Return the place after which runs are asked for, if it is one in the list by start."""
    return wanted.before if wanted.order == NEWEST_FIRST else None


def _kept(
    source: _ByStart, exact: Mapping[str, Any], tenant: str, wanted: RunFilter, limit: int
) -> Listing:
    """Return the runs that a table names under exact values, in the order of their start."""
    order = wanted.order if not wanted.order.of_ended else NEWEST_FIRST
    place = (not wanted.order.of_ended and wanted.before) or order.before_all
    values: dict[str, Any] = {
        "tenant": tenant,
        "started": place.key,
        "number": place.number,
        "limit": limit,
        "since": wanted.since_ms or 0,
        "until": wanted.until_ms or _LATEST,
        **exact,
    }
    if order.ascending and values["since"] > place.key:
        values |= {"started": values["since"], "number": 0}
    if not order.ascending and values["until"] <= place.key:
        values |= {"started": values["until"], "number": 0}
    rest = "started_at_ms < :until" if order.ascending else "started_at_ms >= :since"
    return Listing(
        f"SELECT {source.number} AS id, started_at_ms AS listed_by FROM {source.table}"
        f" WHERE tenant = :tenant{source.covered}"
        f"{''.join(f' AND {name} = :{name}' for name in exact)}"
        f" AND (started_at_ms, {source.number}) {order.behind} (:started, :number) AND {rest}"
        f" ORDER BY {order.words} LIMIT :limit",
        values,
    )


def _labelled(tenant: str, wanted: RunFilter, limit: int) -> Listing:
    name, label = wanted.labels[0]
    return _kept(_ByStart("run_labels"), {"name": name, "value": label}, tenant, wanted, limit)


def _failures(tenant: str, column: str, asked: str, wanted: RunFilter, limit: int) -> Listing:
    return _kept(_ByStart("run_failures"), {column: asked}, tenant, wanted, limit)


def _in_step(tenant: str, step_id: str, wanted: RunFilter, limit: int) -> Listing:
    """Return the runs that failed in a step, and all that have not ended: some are in it."""
    arms, values = list[str](), dict[str, Any]()
    if wanted.among(OPEN):
        walked = listing(tenant, wanted, limit, OPEN)
        arms.append(walked.sql)
        values |= walked.values
    if "failed" in wanted.among(ENDED):
        failed = _failures(tenant, "step_id", step_id, wanted, limit)
        arms.append(failed.sql)
        values |= failed.values
    every = " UNION ALL ".join(f"SELECT * FROM ({arm}) AS arm_{at}" for at, arm in enumerate(arms))
    if not arms:
        return Listing("SELECT id, started_at_ms AS listed_by FROM runs WHERE false", {"limit": 1})
    return Listing(f"{every} ORDER BY {wanted.order.words} LIMIT :limit", values)


def _by_duration(tenant: str, wanted: RunFilter, limit: int) -> Listing:
    """Return runs that took as long as is asked for."""
    bounds = {"longer": wanted.longer_ms, "shorter": wanted.shorter_ms}
    signs = {"longer": ">=", "shorter": "<"}
    asked = [f"{_TOOK} {signs[name]} :{name}" for name, ms in bounds.items() if ms is not None]
    arms = [
        "SELECT * FROM (SELECT id FROM runs INDEXED BY runs_by_duration"
        f" WHERE tenant = :tenant AND status = '{status}' AND ended_at_ms IS NOT NULL"
        f" AND {' AND '.join(asked)} LIMIT :limit) AS arm"
        for status in wanted.among()
    ] or ["SELECT id FROM runs WHERE false"]
    return Listing(" UNION ALL ".join(arms), {"tenant": tenant, "limit": limit, **bounds})


def _by_words(tenant: str, wanted: RunFilter, text: str, limit: int) -> Listing:
    order = wanted.order
    place = wanted.before or order.before_all
    down = "ASC" if order.ascending else "DESC"
    arms = " UNION ".join(
        "SELECT * FROM (SELECT w.rowid AS id, c.started_at_ms AS listed_by"
        f" FROM {words} w CROSS JOIN {kept} c ON c.run = w.rowid"
        f" WHERE {words} MATCH :{asked} AND w.rowid {order.behind} :number"
        f" ORDER BY w.rowid {down} LIMIT :limit) AS arm"
        for words, kept, asked in _FULL_TEXTS
    )
    return Listing(
        f"{arms} ORDER BY id {down} LIMIT :limit",
        {
            "number": place.number,
            "limit": limit,
            "words": words_query(tenant, text),
            "inputs": words_query(tenant, text, INPUTS),
        },
    )


def page_of_few(wanted: RunFilter) -> tuple[str, dict[str, Any]]:
    """Return the condition that a run stands behind the place of the filter, and its values."""
    order = wanted.order
    place = wanted.before or order.before_all
    column = order.column.replace("started_at_ms", "+started_at_ms")
    return f"({column}, id) {order.behind} (:key, :number)", {
        "key": place.key,
        "number": place.number,
    }
