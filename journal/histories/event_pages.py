"""Events in the order in which they became durable, a page at a time.

A reader that has seen position p never misses a smaller one, for these reasons. One connection
writes, in one transaction at a time, and gives each event a position above every one ever given,
including deleted ones. Positions therefore grow from commit to commit, a batch becomes visible as a
whole, and nobody sees what a rollback takes back. A query sees the commits up to some moment and
none after it.

A page is limited in rows, in the positions that it looks at, and in bytes: a body longer than
`LARGEST_BODY` is read separately, when its turn comes.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from hashlib import sha256
from typing import Any

from engine import Event
from engine.value import value
from journal.errors import Corrupt, UnknownEvent, UnknownRun
from journal.reading.readers import Readers
from journal.rows.codec import decode, decode_values
from journal.rows.event_rows import MOST_OF_A_ROW, SEVERAL, values_of
from journal.rows.run_ids import run_id, run_number
from journal.writing.transaction import LAST_POSITION

LARGEST_BODY = 16_384
"""The longest body, in characters, that is read along with its page."""

_LOOKED_AT = 5_000
"""How many positions one query scans, so that other readers wait only briefly."""

_COLUMNS = (
    "e.position, e.run, e.seq, e.type, e.schema, e.at_ms,"
    f" CASE WHEN length(e.body) <= {LARGEST_BODY} THEN e.body END, e.hash,"
    " r.workflow_id, r.version, r.parent, r.apart"
)


@value(frozen=True, slots=True)
class KeptRow:
    """The row that an event is stored in; `body` is None if it is large.

    Attributes:
        position: That of its last event.
        kinds: The types of its events, with spaces between.
    """

    position: int
    kinds: str
    schema: int
    body: str | None
    hash: bytes


@value(frozen=True, slots=True)
class EventRow:
    """One event with values from its run's row, and the row that it is stored in.

    Attributes:
        is_detached: Whether its run's parent continues without it.
    """

    position: int
    run: int
    seq: int
    kind: str
    at_ms: int
    workflow_id: str
    version: str
    parent: int | None
    kept: KeptRow
    is_detached: bool = False

    @property
    def digest(self) -> bytes:
        """An identifier unique to the event: the hash of its row, with its number if need be."""
        kept = self.kept
        if kept.schema != SEVERAL:
            return kept.hash
        return sha256(b"%b %d" % (kept.hash, self.seq)).digest()

    @property
    def run_id(self) -> str:
        """The run's id."""
        return run_id(self.run)

    @property
    def parent_run_id(self) -> str | None:
        """The id of the run that started this one."""
        return None if self.parent is None else run_id(self.parent)


@value(frozen=True, slots=True)
class EventFilter:
    """Which events of a tenant are asked for; None does not filter.

    Attributes:
        kinds: Names of the engine's event types.
        parent_id: Events of the child runs of this run.
    """

    kinds: Collection[str] | None = None
    workflow_ids: Collection[str] | None = None
    parent_id: str | None = None


@value(frozen=True, slots=True)
class EventPage:
    """Some events.

    Attributes:
        looked_up_to: Up to this position, the page has all events that match.
        has_more: True if there are positions beyond it.
    """

    rows: list[EventRow]
    looked_up_to: int
    has_more: bool


class EventPages:
    """Queries over the events of all runs, by position."""

    def __init__(
        self,
        readers: Readers,
        lists: Readers,
        with_inherited: Callable[[Event], Awaitable[tuple[Event, int]]],
    ) -> None:
        """Take the function that adds the data which an event's run inherits."""
        self._readers = readers
        self._lists = lists
        self._with_inherited = with_inherited
        self._newest: tuple[KeptRow | None, list[Any]] = (None, [])
        """The values of the row read last: a reader of one event usually reads the next too."""

    async def last_position(self) -> int:
        """Return the largest position of an event that ever became durable; 0 if there is none."""
        row = await self._readers.by_key(LAST_POSITION)
        return int(row[0] or 0)

    async def of_tenant(
        self, tenant: str, wanted: EventFilter, after: int, limit: int
    ) -> EventPage:
        """Return the tenant's events after a position, `limit` at most."""
        # Read before the page, so that the page's query sees all positions up to it.
        last = await self.last_position()
        end = min(last, after + _LOOKED_AT)
        if end <= after:
            return EventPage([], after, has_more=False)
        # A row has the position of its last event, so the first row beyond the end may hold events
        # before it.
        conditions = ["e.position > ?", "e.position <= ?", "r.tenant = ?"]
        values: list[str | int] = [after, end + MOST_OF_A_ROW, tenant]
        if wanted.kinds is not None:
            marks = ", ".join("?" * len(wanted.kinds))
            conditions.append(f"(e.schema = {SEVERAL} OR e.type IN ({marks}))")
            values.extend(wanted.kinds)
        if wanted.workflow_ids is not None:
            marks = ", ".join("?" * len(wanted.workflow_ids))
            conditions.append(f"r.workflow_id IN ({marks})")
            values.extend(wanted.workflow_ids)
        if wanted.parent_id is not None:
            conditions.append("r.parent = ?")
            values.append(run_number(wanted.parent_id))
        # CROSS JOIN keeps SQLite from walking the runs, which are not in this order.
        rows = await self._lists.all(
            f"SELECT {_COLUMNS} FROM events e CROSS JOIN runs r ON r.id = e.run"
            f" WHERE {' AND '.join(conditions)} ORDER BY e.position LIMIT ?",
            (*values, limit),
        )
        found = [
            event
            for event in _events(rows)
            if after < event.position <= end
            and (wanted.kinds is None or event.kind in wanted.kinds)
        ]
        looked_up_to = min(end, rows[-1][0]) if len(rows) == limit else end
        if len(found) > limit:
            del found[limit:]
            looked_up_to = found[-1].position
        return EventPage(found, looked_up_to, has_more=looked_up_to < last)

    async def of_run(self, run: str, after_seq: int, limit: int) -> list[EventRow]:
        """Return a run's events after a sequence number, `limit` at most."""
        rows = await self._readers.all(
            f"SELECT {_COLUMNS} FROM events e CROSS JOIN runs r ON r.id = e.run"
            " WHERE e.run = ? AND e.seq > ? ORDER BY e.seq LIMIT ?",
            (run_number(run), after_seq, limit),
        )
        return [event for event in _events(rows) if event.seq > after_seq][:limit]

    async def has_ended(self, tenant: str, run: str) -> bool:
        """Return whether a run has ended. Raises `UnknownRun`, also for another tenant's."""
        row = await self._readers.by_key(
            "SELECT ended_at_ms IS NOT NULL FROM runs WHERE id = ? AND tenant = ?",
            (run_number(run), tenant),
        )
        if row is None:
            raise UnknownRun(run)
        return bool(row[0])

    async def seq_at(self, run: str, position: int) -> int:
        """Return the number of the run's last event up to a position; 0 if there is none."""
        number = run_number(run)
        row = await self._readers.one(
            "SELECT coalesce(max(seq), 0) FROM events WHERE run = ? AND position <= ?",
            (number, position),
        )
        for event in await self.of_run(run, int(row[0]), MOST_OF_A_ROW):
            if event.position > position:
                return event.seq - 1
        return int(row[0])

    async def at(self, position: int) -> EventRow:
        """Return one event. Raises `UnknownEvent` if it has been deleted."""
        rows = await self._readers.all(
            f"SELECT {_COLUMNS} FROM events e CROSS JOIN runs r ON r.id = e.run"
            " WHERE e.position >= ? ORDER BY e.position LIMIT 1",
            (position,),
        )
        for event in _events(rows):
            if event.position == position:
                return event
        raise UnknownEvent(position)

    async def event(self, row: EventRow) -> Event:
        """Return the event that a row holds.

        Raises:
            UnknownEvent: It has been deleted since.
            Corrupt: It cannot be understood.
        """
        kept = row.kept
        body = kept.body
        if body is None:
            found = await self._readers.one(
                "SELECT body FROM events WHERE position = ?", (kept.position,)
            )
            if found is None:
                raise UnknownEvent(row.position)
            body = str(found[0])
        try:
            event = self._decoded(row, body)
        except ValueError as unknown:
            raise Corrupt(row.run_id, row.seq, str(unknown)) from unknown
        try:
            whole, _ = await self._with_inherited(event)
        except UnknownRun as deleted:
            raise UnknownEvent(row.position) from deleted
        return whole

    def _decoded(self, row: EventRow, body: str) -> Event:
        kept, values = row.kept, self._newest[1]
        if kept.schema != SEVERAL:
            return decode(row.kind, kept.schema, row.at_ms, body)
        if self._newest[0] is not kept:
            values = values_of(kept.kinds, body)
            if kept.body is not None:
                self._newest = kept, values
        return decode_values(row.kind, row.at_ms, values[row.position - kept.position - 1])


def _events(rows: Iterable[tuple[Any, ...]]) -> Iterator[EventRow]:
    for position, run, seq, kinds, schema, at_ms, body, digest, *rest in rows:
        kept = KeptRow(position, kinds, schema, body, digest)
        workflow_id, version, parent, apart = rest
        each = kinds.split(" ")
        for back, kind in zip(range(len(each) - 1, -1, -1), each, strict=True):
            where = (position - back, run, seq - back)
            yield EventRow(*where, kind, at_ms, workflow_id, version, parent, kept, bool(apart))
