"""The inbox: paused runs with what they ask, without reading their histories.

The newest event of a paused run is the one that paused it, or a change of that pause; any other
event ends the pause. Two kinds of paused runs are left out: those paused for a child run, because
the child itself is listed, and those that wait for a signal, which no person answers.
"""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from engine import Pause, PauseChanged, RunPaused
from engine.value import value
from journal.reading.readers import Readers
from journal.rows.codec import decode
from journal.rows.run_ids import run_id, run_number
from journal.runs.captions import Captions
from journal.runs.question_words import has_words, may_have_words, searched_words

_OWN = "r.tenant = :tenant AND r.status = 'paused' AND r.state = 'paused' AND r.signal_name IS NULL"
_IN_NAMES = (
    "EXISTS (SELECT 1 FROM open_pause_people p WHERE p.run = r.id"
    " AND p.who IN (SELECT value FROM json_each(:names)))"
)
_VISIBLE = f"(q.run IS NULL OR q.is_open = 1 OR {_IN_NAMES})"
_NAMED = (
    "(SELECT DISTINCT run AS named FROM open_pause_people WHERE tenant = :tenant"
    " AND who IN (SELECT value FROM json_each(:only))) CROSS JOIN open_pauses q ON q.run = named"
    " CROSS JOIN runs r ON r.id = q.run"
)
_ROW = (
    "r.id, r.workflow_id, r.version, r.step_id, e.seq, r.started_at_ms, e.at_ms, r.parent, r.item,"
    " r.body, q.due_at_ms, e.type, e.schema, e.body, c.type, c.schema, c.body"
)
_STARTED_AT, _PAUSED_AT, _DUE_AT, _EVENT_AT = 5, 6, 10, 11
_BODIES = slice(13, 17, 3)
"""What it was asked, and how that was changed."""

_PIECE_CHARACTERS = 256 * 1024
"""How many characters of questions are read before other work has its turn."""

_PAGE_CHARACTERS = 2_000_000
"""How many characters of questions a page has; its last question may go beyond."""

_FIRST_ROWS = 16
"""How many rows are read at first; four times as many each time, as long as they are short."""

_FIRST_SEARCHED = 60
"""The same for a search, of which most rows are not shown."""

_MOST_SEARCHED = 240
"""How many questions a page of a search reads."""

_JOINED = (
    "CROSS JOIN runs r ON r.id = listed LEFT JOIN open_pauses q ON q.run = r.id"
    " CROSS JOIN events e ON e.run = r.id AND e.seq = coalesce(q.seq, r.seq)"
    " LEFT JOIN events c ON c.run = r.id AND c.seq = r.seq AND r.seq <> e.seq"
)
_OPEN = "status IN ('paused', 'running')"
_LOOKED_AT = 1_000
"""At most how many open child runs are searched for pauses."""

_COLUMNS = "r.id AS listed, q.due_at_ms AS due, r.started_at_ms AS started"


@value(frozen=True, slots=True)
class InboxPosition:
    """A place in the inbox: questions with a deadline come first, the nearest deadline first."""

    due_at_ms: int | None
    started_at_ms: int
    number: int

    def __str__(self) -> str:
        due = "" if self.due_at_ms is None else self.due_at_ms
        return f"{due}.{self.started_at_ms}.{self.number}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place that a text names. Raises `ValueError`."""
        due, started, number = text.split(".")
        return cls(int(due) if due else None, int(started), int(number))


@value(frozen=True, slots=True)
class InboxFilter:
    """Which pauses are wanted.

    Attributes:
        names: Whose inbox it is, case-folded; None for all questions.
        only: Only pauses that name one of these; None: also pauses that name nobody.
        text: Words of the run's title or labels, or of what the question says and shows.
        run: Only the pause of this run, by its number.
        before: Those after this place.
    """

    names: Collection[str] | None = None
    only: Collection[str] | None = None
    workflow_id: str | None = None
    text: str | None = None
    run: int | None = None
    before: InboxPosition | None = None


@value(frozen=True, slots=True)
class PausedRow:
    """One run that waits for a person; `pause` is None if the journal cannot be read.

    Attributes:
        seq: The number of the event with which the pause began.
    """

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
    due_at_ms: int | None
    pause: Pause | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return run_id(self.number)

    @property
    def position(self) -> InboxPosition:
        """The question's place in the list."""
        return InboxPosition(self.due_at_ms, self.started_at_ms, self.number)

    @property
    def parent_run_id(self) -> str | None:
        """The id of the run that started this one."""
        return None if self.parent is None else run_id(self.parent)


_ALL = InboxFilter()


class Inbox:
    """Queries over the pauses of all runs."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._captions = Captions(readers)

    async def page(
        self, tenant: str, limit: int, wanted: InboxFilter = _ALL
    ) -> tuple[list[PausedRow], InboxPosition | None]:
        """Return at most `limit` runs that wait, and where the next page begins; None at the end.

        Those with the nearest deadline come first; those without one follow, the newest first. If
        the questions are long, fewer are returned; a search looks at a bounded number of them.
        """
        words = None if wanted.text is None else searched_words(wanted.text)
        rows: list[PausedRow] = []
        captions: Mapping[int, tuple[str, str]] = {}
        place = wanted.before
        read, piece, left = 0, 0, _MOST_SEARCHED
        size = _FIRST_ROWS if words is None else _FIRST_SEARCHED
        while True:
            asked = min(size, left if words is not None else limit + 1 - len(rows))
            found = await self._next(tenant, asked, wanted)
            if words is not None:
                captions = await self._captions.kept(tenant, [row[0] for row in found])
            for row in found:
                if len(rows) == limit or read > _PAGE_CHARACTERS:
                    return rows, place
                caption = captions.get(row[0])
                if words is None or may_have_words(words, (*(caption or ()), *row[_BODIES])):
                    paused = _waiting(row)
                    if words is None or _has(words, paused, caption):
                        rows.append(paused)
                place = InboxPosition(row[_DUE_AT], row[_STARTED_AT], row[0])
                characters = len(row[_EVENT_AT + 2] or "")
                read, piece = read + characters, piece + characters
                if piece > _PIECE_CHARACTERS:
                    piece = 0
                    await asyncio.sleep(0)
            left -= len(found)
            if len(found) < asked:
                return rows, None
            if words is not None and not left:
                return rows, place
            wanted, size = replace(wanted, before=place), 4 * size

    async def _next(self, tenant: str, limit: int, wanted: InboxFilter) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        place = wanted.before
        if place is None or place.due_at_ms is not None:
            found = await self._part(tenant, limit, wanted, is_due=True)
            wanted = replace(wanted, before=None)
        if len(found) < limit:
            found += await self._part(tenant, limit - len(found), wanted, is_due=False)
        return found

    async def _part(
        self, tenant: str, limit: int, wanted: InboxFilter, *, is_due: bool
    ) -> list[tuple[Any, ...]]:
        values: dict[str, Any] = {"tenant": tenant, "limit": limit}
        source, parts = _source(wanted, is_due=is_due), [_OWN]
        parts.append(f"q.due_at_ms IS {'NOT ' if is_due else ''}NULL")
        if wanted.only is not None:
            values["only"] = _json(wanted.only)
        if wanted.names is not None:
            values["names"] = _json(wanted.names)
            parts.append(_VISIBLE)
        if wanted.workflow_id is not None:
            values["workflow"] = wanted.workflow_id
            parts.append("r.workflow_id = :workflow")
        if wanted.run is not None:
            values["run"] = wanted.run
            parts.append("r.id = :run")
        order = "due, listed" if is_due else "started DESC, listed DESC"
        chosen = self._arms(source, parts, order, wanted.before, values, is_due=is_due)
        rows = await self._readers.all(
            f"SELECT {_ROW} FROM ({chosen}) AS chosen {_JOINED} ORDER BY {order}",
            values,
        )
        return list(rows)

    @staticmethod
    def _arms(  # noqa: PLR0913 - the parts of a query
        source: str,
        parts: list[str],
        order: str,
        place: InboxPosition | None,
        values: dict[str, Any],
        *,
        is_due: bool,
    ) -> str:
        """Return the queries for the ids of the page, each read in its order from the place on."""
        ranges = ["true"]
        if place is not None and is_due:
            values |= {"due": place.due_at_ms, "number": place.number}
            ranges = ["q.due_at_ms > :due", "q.due_at_ms = :due AND r.id > :number"]
        elif place is not None:
            values |= {"started": place.started_at_ms, "number": place.number}
            ranges = [
                "r.started_at_ms < :started",
                "r.started_at_ms = :started AND r.id < :number",
            ]
        arms = " UNION ALL ".join(
            f"SELECT * FROM (SELECT {_COLUMNS} FROM {source}"
            f" WHERE {' AND '.join([*parts, after])} ORDER BY {order} LIMIT :limit) AS arm"
            for after in ranges
        )
        return f"SELECT * FROM ({arms}) AS arms ORDER BY {order} LIMIT :limit"

    async def below(self, run_id: str, limit: int) -> list[PausedRow]:
        """Return pauses of the child runs for which a run waits, and of their descendants.

        Pauses that wait for signals are included. Returns the oldest `limit` runs.
        """
        rows = await self._readers.all(
            "WITH RECURSIVE below (id, executions) AS ("
            f" SELECT c.id, c.executions FROM runs p JOIN runs c ON c.parent = p.id"
            f" AND c.parent_execution = p.executions AND c.{_OPEN} WHERE p.id = ?"
            f" UNION ALL SELECT c.id, c.executions FROM below p JOIN runs c ON c.parent = p.id"
            f" AND c.parent_execution = p.executions AND c.{_OPEN})"
            f" SELECT {_ROW} FROM (SELECT b.id AS listed FROM"
            f" (SELECT id FROM below LIMIT {_LOOKED_AT}) AS b"
            " JOIN runs f ON f.id = b.id WHERE f.state = 'paused' ORDER BY b.id LIMIT ?) AS lines"
            f" {_JOINED} ORDER BY r.id",
            (run_number(run_id), limit),
        )
        return [_waiting(row) for row in rows]

    async def roots(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return, by the numbers of child runs, the topmost ancestor of each."""
        rows = await self._readers.all(
            "WITH RECURSIVE up (child, id, parent) AS ("
            " SELECT id, id, parent FROM runs"
            " WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"
            " UNION ALL SELECT up.child, p.id, p.parent FROM up JOIN runs p ON p.id = up.parent)"
            " SELECT child, id FROM up WHERE parent IS NULL",
            (json.dumps(numbers),),
        )
        return {child: run_id(number) for child, number in rows}

    async def count(self, tenant: str, most: int, names: Collection[str] | None = None) -> int:
        """Count what waits for somebody of these names, or for anybody, up to `most`."""
        values: dict[str, Any] = {"tenant": tenant, "most": most}
        source, visible = "runs r INDEXED BY runs_inbox", ""
        if names is not None:
            values["names"] = _json(names)
            source += " LEFT JOIN open_pauses q ON q.run = r.id"
            visible = f" AND {_VISIBLE}"
        row = await self._readers.one(
            f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {_OWN}{visible} LIMIT :most)"
            " AS paused",
            values,
        )
        return int(row[0])


def _has(words: Sequence[str], row: PausedRow, caption: tuple[str, str] | None) -> bool:
    title, labels = caption or ("", "{}")
    return row.pause is not None and has_words(words, title, json.loads(labels).values(), row.pause)


def _source(wanted: InboxFilter, *, is_due: bool) -> str:
    """Return the tables in the order in which they are read."""
    if wanted.run is not None:
        return "runs r LEFT JOIN open_pauses q ON q.run = r.id"
    if wanted.only is not None:
        return _NAMED
    if is_due:
        due = "open_pauses q INDEXED BY open_pauses_due CROSS JOIN runs r"
        return f"{due} ON r.id = q.run AND q.tenant = :tenant"
    index = "runs_inbox" if wanted.workflow_id is None else "runs_by_workflow"
    return f"runs r INDEXED BY {index} LEFT JOIN open_pauses q ON q.run = r.id"


def _json(names: Collection[str]) -> str:
    return json.dumps(sorted(names), ensure_ascii=False)


def _waiting(row: tuple[Any, ...]) -> PausedRow:
    pause = _pause(row[_EVENT_AT : _EVENT_AT + 3], row[_EVENT_AT + 3 :], row[_PAUSED_AT])
    return PausedRow(*(*row[:_EVENT_AT], pause))


def _pause(began: tuple[Any, ...], changed: tuple[Any, ...], at_ms: int) -> Pause | None:
    """Return the pause in its current state: as it began, with the changes since."""
    try:
        event = decode(began[0], began[1], at_ms, began[2])
        if not isinstance(event, RunPaused):
            return None
        if changed[0] is None:
            return event.pause
        change = decode(changed[0], changed[1], at_ms, changed[2])
    except ValueError:
        return None
    if not isinstance(change, PauseChanged):
        return None
    return replace(event.pause, body={**event.pause.body, **change.body})
