"""A full-text index of the data that runs began with, so that a search finds runs by its words.

A background task fills it by following the positions of events, a few moments after a start. The
words are deleted with their run. The progress is stored in the transaction of each part, so an
interrupted part is done again.
"""

from collections.abc import Sequence

from engine.value import value
from journal.connection import Connection
from journal.reading.readers import Readers
from journal.rows.columns import KEEP_ENTRY
from journal.rows.event_rows import SEVERAL
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer

KEEP_INPUT = (
    "INSERT INTO run_inputs SELECT id, tenant, started_at_ms, ? FROM runs"
    " WHERE id = ? AND tenant = ? ON CONFLICT (run) DO NOTHING"
)
LARGEST_START = 1_000_000
"""The longest start, in characters, that is indexed; nothing of a longer one is found."""

INPUTS_UP_TO = "inputs_up_to"
_READ_ALONG = 16_384
_LOOKED_AT = 5_000
_MOST = 200
"""How many positions a page scans, and how many starts it returns."""

_COLUMNS = "e.position, e.run, r.tenant, r.workflow_id, r.version, e.schema"


@value(frozen=True, slots=True)
class StartRow:
    """The row of events with which a run began; `body` is None if it is too large."""

    position: int
    run: int
    tenant: str
    workflow_id: str
    version: str
    schema: int
    body: str | None

    @property
    def is_list(self) -> bool:
        """Whether the body is a list, of which the start is the first."""
        return self.schema == SEVERAL


@value(frozen=True, slots=True)
class StartPage:
    """Some starts: all up to a position; `has_more` if there are positions beyond it."""

    rows: Sequence[StartRow]
    up_to: int
    has_more: bool


@value(frozen=True, slots=True)
class InputWords:
    """The words of one run."""

    run: int
    tenant: str
    words: str


class RunInputs:
    """The words of all runs."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def up_to(self) -> int:
        """Return the position up to which starts have been indexed."""
        row = await self._readers.by_key("SELECT value FROM meta WHERE key = ?", (INPUTS_UP_TO,))
        return int(row[0]) if row else 0

    async def starts(self, after: int) -> StartPage:
        """Return the next starts after a position."""
        last = await self._readers.by_key("SELECT max(position) FROM events")
        newest = int(last[0] or 0) if last else 0
        end = min(newest, after + _LOOKED_AT)
        if end <= after:
            return StartPage([], after, has_more=False)
        rows = await self._readers.all(
            f"SELECT {_COLUMNS}, CASE WHEN length(e.body) <= {_READ_ALONG} THEN e.body END"
            " FROM events e CROSS JOIN runs r ON r.id = e.run"
            " WHERE e.position > ? AND e.position <= ?"
            " AND (e.type = 'RunStarted' OR e.type LIKE 'RunStarted %')"
            " ORDER BY e.position LIMIT ?",
            (after, end, _MOST),
        )
        up_to = rows[-1][0] if len(rows) == _MOST else end
        starts = [StartRow(*row) for row in rows]
        return StartPage(starts, up_to, has_more=up_to < newest)

    async def body(self, row: StartRow) -> str | None:
        """Return the body of a start; None if it is too large or gone."""
        if row.body is not None:
            return row.body
        found = await self._readers.one(
            f"SELECT CASE WHEN length(body) <= {LARGEST_START} THEN body END"
            " FROM events WHERE position = ?",
            (row.position,),
        )
        return found[0] if found else None

    async def keep(self, found: Sequence[InputWords], up_to: int) -> None:
        """Store the words of runs, and the position up to which starts have been indexed."""

        def work(connection: Connection) -> None:
            connection.executemany(KEEP_INPUT, [(one.words, one.run, one.tenant) for one in found])
            connection.execute(
                KEEP_ENTRY,
                (INPUTS_UP_TO, str(up_to)),
            )

        await self._writer.write(work, max(1, len(found)))

    async def forget(self, limit: int) -> bool:
        """Delete the words of at most `limit` runs; return True if there may be more."""

        def work(connection: Connection) -> bool:
            gone = connection.execute(
                "DELETE FROM run_inputs WHERE run IN (SELECT run FROM run_inputs LIMIT ?)", (limit,)
            ).rowcount
            if gone < limit:
                connection.execute("DELETE FROM meta WHERE key = ?", (INPUTS_UP_TO,))
            return gone == limit

        has_more: bool = await self._writer.write(work, UNCOUNTED)
        return has_more
