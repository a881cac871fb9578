"""Filters for lists of runs, and the statements that find the runs by index.

Runs are listed by the time at which they started, the newest first, unless another order is asked
for (`journal/runs/run_order.py`). Each index holds the runs of one status in an order. A statement
therefore has one subquery for each status, which reads no more than it returns, and takes the first
of all their results. Child runs have an index of their own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from engine import State, Status
from engine.value import value
from journal.rows.run_ids import run_number
from journal.runs.run_order import NEWEST_FIRST, RunOrder, RunPosition

_MOST_WORDS = 8
_BEGINNING = 5
"""The longest word beginnings that the full-text index holds separately."""

_NOTHING = '""'
INPUTS = "words"
"""The column of the index of what runs began with."""

_WORD = re.compile(r"[^\W_]+")
OPEN = tuple(status.value for status in Status if not status.is_over)
ENDED = tuple(status.value for status in Status if status.is_over)


@value(frozen=True, slots=True)
class RunFilter:
    """Which runs are asked for; None does not filter.

    Attributes:
        since_ms: Started at or after this moment.
        until_ms: Started before this moment.
        before: Only runs that are listed after this place, for the next page.
        parent_id: Child runs of this run.
        top_level: Only runs that no run has started.
        labels: Labels by name that a run must have.
        text: Words that must begin words of the title and the labels, or of the data of the start.
        step_id: The step that the run is in, or failed in.
        error_type: The type of the error with which it failed.
        started_by: Who started it.
        longer_ms: It has taken at least so long until its end.
        shorter_ms: It has taken less.
        state: A state of the engine, which is finer than the status.
        order: In which order; an order by end leaves out runs that have not ended.
    """

    status: str | None = None
    workflow_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    before: RunPosition | None = None
    parent_id: str | None = None
    top_level: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    step_id: str | None = None
    error_type: str | None = None
    started_by: str | None = None
    longer_ms: int | None = None
    shorter_ms: int | None = None
    state: str | None = None
    order: RunOrder = NEWEST_FIRST

    @property
    def is_search(self) -> bool:
        """Whether it asks for something that no index has in the order of the list."""
        looked_at: list[object] = [
            self.text, self.step_id, self.error_type, self.started_by, self.longer_ms,
            self.shorter_ms, self.state,
        ]  # fmt: skip
        if self.parent_id is None and self.order.of_ended:
            looked_at += [self.workflow_id, self.since_ms, self.until_ms]
        if self.parent_id is not None and not self.order.of_ended:
            looked_at.append(self.workflow_id)
        has_children = self.parent_id or self.workflow_id or self.order.by == "duration"
        return (
            bool(self.labels or (self.top_level and has_children))
            or any(one is not None for one in looked_at)
        )  # fmt: skip

    @property
    def reads_rows(self) -> bool:
        """Whether a condition is checked against the run's row, for lack of it in the index."""
        looked_at: list[object] = [
            self.text, self.step_id, self.error_type, self.started_by, self.longer_ms,
            self.shorter_ms, self.state,
        ]  # fmt: skip
        if self.order.of_ended:
            looked_at += [self.since_ms, self.until_ms]
        return bool(self.labels) or any(one is not None for one in looked_at)

    def among(self, statuses: Sequence[str] = OPEN + ENDED) -> Sequence[str]:
        """Return those of the statuses that are asked for."""
        is_over = self.longer_ms is not None or self.shorter_ms is not None or self.order.of_ended
        can_be = ENDED if is_over else statuses
        if self.error_type is not None:
            can_be = (Status.FAILED.value,)
        if self.state is not None:
            can_be = (State(self.state).status.value,)
        return [one for one in statuses if self.status in (None, one) and one in can_be]


@value(frozen=True, slots=True)
class Listing:
    """A statement that returns `id` and `listed_by` of runs in their order, and its values."""

    sql: str
    values: Mapping[str, Any]


def listing(
    tenant: str,
    wanted: RunFilter,
    limit: int,
    statuses: Sequence[str] = OPEN + ENDED,
    also: str = "",
) -> Listing:
    """Return the statement that finds the first `limit` runs, of some statuses only.

    `also` names further columns to return. Conditions without an index are checked elsewhere
    (`journal/runs/run_search.py`): labels, text, and what `skipped` returns.
    """
    wanted = _with_one_end(wanted)
    values: dict[str, Any] = {
        "tenant": tenant,
        "workflow": wanted.workflow_id,
        "parent": run_number(wanted.parent_id) if wanted.parent_id else None,
        "since": wanted.since_ms,
        "until": wanted.until_ms,
        "key": wanted.before and wanted.before.key,
        "number": wanted.before and wanted.before.number,
        "limit": limit,
    }
    order = wanted.order
    # Among runs with the same key, SQLite would sort all of them to order by that key too, if it is
    # an expression.
    ranges = [
        (f"{order.column} {order.behind} :key", order.words),
        (f"{order.column} = :key AND id {order.behind} :number", order.words_of_alike),
    ]
    arms = [
        f"SELECT * FROM (SELECT id, {order.column} AS listed_by{also} FROM runs"
        f" INDEXED BY {index} WHERE {' AND '.join([*exact, f'status = {status!r}', after])}"
        f" ORDER BY {words} LIMIT :limit) AS arm"
        for index, exact in _indexed(wanted)
        for status in wanted.among(statuses)
        for after, words in (ranges if wanted.before else [("true", order.words)])
    ]
    if not arms:
        arms = [f"SELECT id, {order.column} AS listed_by{also} FROM runs WHERE false"]
    return Listing(f"{' UNION ALL '.join(arms)} ORDER BY {order.words} LIMIT :limit", values)


def _with_one_end(wanted: RunFilter) -> RunFilter:
    """Return a filter that says only once where the list begins: at the place, or at a moment.

    Of two conditions on the same end of an index SQLite follows one, and reads all runs between.
    """
    place, order = wanted.before, wanted.order
    if place is None or order.of_ended:
        return wanted
    if order.ascending and wanted.since_ms is not None:
        is_behind = place.key >= wanted.since_ms
        return replace(wanted, since_ms=None) if is_behind else replace(wanted, before=None)
    if not order.ascending and wanted.until_ms is not None:
        is_behind = place.key < wanted.until_ms
        return replace(wanted, until_ms=None) if is_behind else replace(wanted, before=None)
    return wanted


def _indexed(wanted: RunFilter) -> list[tuple[str, list[str]]]:
    """Return the indexes that together hold the runs of a status, and the conditions on each."""
    times = []
    if wanted.since_ms is not None:
        times.append("started_at_ms >= :since")
    if wanted.until_ms is not None:
        times.append("started_at_ms < :until")
    workflow = [] if wanted.workflow_id is None else ["workflow_id = :workflow"]
    over = ["ended_at_ms IS NOT NULL"] if wanted.order.of_ended else []
    if wanted.parent_id is not None:
        if wanted.order.of_ended:  # all children are sorted
            over += workflow
        own = ["parent = :parent", "tenant = :tenant", *times, *over]
        return [("runs_children", own)]
    if wanted.order.by == "duration":
        return [("runs_by_duration", ["tenant = :tenant", *over])]
    if wanted.order.of_ended:
        ended = ["tenant = :tenant", *over]
        highest = ("runs_by_end", ["parent IS NULL", *ended])
        children = ("child_runs_by_end", ["parent IS NOT NULL", *ended])
        return [highest] if wanted.top_level else [highest, children]
    exact = ["tenant = :tenant", *workflow, *times]
    if workflow:
        return [("runs_by_workflow", exact)]
    highest = ("runs_by_status", ["parent IS NULL", *exact])
    children = ("child_runs_by_status", ["parent IS NOT NULL", *exact])
    return [highest] if wanted.top_level else [highest, children]


def skipped(wanted: RunFilter) -> Mapping[str, str]:
    """Return the conditions on columns that the index holds besides its order, by column."""
    has_children = wanted.order.by != "endTime"
    found = {"parent": "parent IS NULL"} if wanted.top_level and has_children else {}
    if wanted.parent_id is not None:
        found = {}
    if wanted.workflow_id is not None and (wanted.parent_id is None) == wanted.order.of_ended:
        found["workflow_id"] = "workflow_id = :workflow"
    return found


def conditions(tenant: str, wanted: RunFilter) -> tuple[list[str], list[Any]]:
    """Return the conditions of a filter on runs that are named one by one, and their values.

    The plus prevents SQLite from using another index than that of the numbers.
    """
    place = wanted.before
    parts, values = ["+tenant = ?"], list[Any]([tenant])
    for condition, wish in (
        ("+status = ?", wanted.status),
        ("+state = ?", wanted.state),
        ("+workflow_id = ?", wanted.workflow_id),
        ("+started_at_ms >= ?", wanted.since_ms),
        ("+started_at_ms < ?", wanted.until_ms),
        ("+parent = ?", run_number(wanted.parent_id) if wanted.parent_id else None),
        ("(+started_at_ms, id) < (?, ?)", (place.key, place.number) if place else None),
    ):
        if wish is not None:
            parts.append(condition)
            values += wish if isinstance(wish, tuple) else (wish,)
    for condition, wish in (
        (_IN_STEP, wanted.step_id),
        (_FAILED_WITH, wanted.error_type),
        (_STARTED_BY, wanted.started_by),
        ("ended_at_ms - +started_at_ms >= ?", wanted.longer_ms),
        ("ended_at_ms - +started_at_ms < ?", wanted.shorter_ms),
    ):
        if wish is not None:
            parts.append(condition)
            values += [wish] * condition.count("?")
    if wanted.top_level:
        parts.append("+parent IS NULL")
    for label in wanted.labels:
        parts.append(_HAS_LABEL)
        values += label
    if wanted.text:
        parts.append(_HAS_WORDS)
        values += (words_query(tenant, wanted.text), words_query(tenant, wanted.text, INPUTS))
    return parts, values


_FAILED = (
    "(+status = 'failed' AND"
    " EXISTS (SELECT 1 FROM run_failures f WHERE f.run = runs.id AND f.{} = ?))"
)
_IN_STEP = f"(step_id = ? OR {_FAILED.format('step_id')})"
_FAILED_WITH = _FAILED.format("error_type")
_STARTED_BY = (
    "(SELECT json_extract(e.body, CASE e.schema WHEN 2 THEN '$[0].caller' ELSE '$.caller' END)"
    " FROM events e WHERE e.run = runs.id ORDER BY e.seq LIMIT 1) = ?"
)
_HAS_WORDS = (
    "(EXISTS (SELECT 1 FROM run_words w CROSS JOIN run_captions c ON c.run = w.rowid"
    " WHERE run_words MATCH ? AND w.rowid = runs.id)"
    " OR EXISTS (SELECT 1 FROM run_input_words w CROSS JOIN run_inputs c ON c.run = w.rowid"
    " WHERE run_input_words MATCH ? AND w.rowid = runs.id))"
)
_HAS_LABEL = (
    "EXISTS (SELECT 1 FROM run_labels l WHERE l.tenant = runs.tenant AND l.name = ? AND l.value = ?"
    " AND l.started_at_ms = runs.started_at_ms AND l.run = runs.id)"
)


class WordsQuery(str):
    """A full-text query of SQLite as text, with the parts that it is made of.

    Attributes:
        tenant: The tenant in whose runs words are looked for.
        words: The words, each with whether it may be the beginning of one.
        columns: The columns of the index in which they are looked for.
    """

    __slots__ = ("columns", "tenant", "words")

    tenant: str
    words: Sequence[tuple[str, bool]]
    columns: str

    def __new__(cls, tenant: str, words: Sequence[tuple[str, bool]], columns: str) -> Self:
        """Make the query for these columns."""
        question = super().__new__(cls, _full_text(tenant, words, columns, {}))
        question.tenant, question.words, question.columns = tenant, words, columns
        return question

    @property
    def vocabulary(self) -> str:
        """The table with the words of the index."""
        return "run_input_words_known" if self.columns == INPUTS else "run_words_known"

    def completed(self, known: Mapping[str, Sequence[str]]) -> str:
        """Return the query for whole words where those that begin so are known."""
        return _full_text(self.tenant, self.words, self.columns, known)


def is_indexed(word: str) -> bool:
    """Return whether the full-text index has this beginning of words."""
    return len(word) <= _BEGINNING


def _full_text(
    tenant: str,
    words: Sequence[tuple[str, bool]],
    columns: str,
    known: Mapping[str, Sequence[str]],
) -> str:
    parts = []
    for word, is_beginning in words:
        if whole := known.get(word) if is_beginning else None:
            quoted = (f'"{one}"' for one in whole)
            parts.append(f"({' OR '.join(quoted)})")
        else:
            parts.append(f'"{word}"*' if is_beginning else f'"{word}"')
    asked = " AND ".join(parts) or _NOTHING
    return f"tenant : t{tenant.encode().hex()} AND {{{columns}}} : ({asked})"


def words_query(tenant: str, text: str, columns: str = "title labels") -> WordsQuery:
    """Return the full-text query for the words of a text, in a tenant's runs.

    The last word may be the beginning of a word; so may short words, whose beginnings are indexed.
    A text without words finds nothing.
    """
    words = _WORD.findall(text)[:_MOST_WORDS]
    last = len(words) - 1
    return WordsQuery(
        tenant,
        [
            (word, len(word) > 1 and (at == last or is_indexed(word)))
            for at, word in enumerate(words)
        ],
        columns,
    )
