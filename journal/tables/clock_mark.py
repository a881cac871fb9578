"""How late the clock was when it was last looked at, so that a restart notices that it was set."""

import json

from engine.value import value
from journal.connection import Connection
from journal.reading.readers import Readers
from journal.rows.columns import KEEP_ENTRY
from journal.writing.writer import Writer

CLOCK_MARK = "SELECT value FROM meta WHERE key = 'clock'"

NEWEST_MOMENT = """
    SELECT max(at_ms) FROM (
        SELECT at_ms FROM (SELECT at_ms FROM events ORDER BY position DESC LIMIT 1000) AS events
        UNION ALL
        SELECT at_ms FROM (SELECT at_ms FROM audit ORDER BY position DESC LIMIT 1000) AS entries
    ) AS newest"""
"""When something was last written, as the clock was then."""


@value(frozen=True, slots=True)
class ClockMark:
    """What was last seen of the clock, all in milliseconds.

    Attributes:
        seen_ms: What it showed.
        ahead_ms: By how much it had leapt ahead, as far as that is not sure to be right.
        doubted_ms: What it showed when that was noticed.
    """

    seen_ms: int
    ahead_ms: int = 0
    doubted_ms: int = 0


def read_mark(text: str) -> ClockMark:
    """Return what an entry of `meta` says."""
    return ClockMark(*json.loads(text))


class ClockMarks:
    """The mark of the clock in this journal."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def get(self) -> ClockMark | None:
        """Return the mark; None if there is none yet."""
        row = await self._readers.one(CLOCK_MARK)
        return None if row is None else read_mark(row[0])

    async def newest_ms(self) -> int:
        """Return when something was last written, 0 if nothing was."""
        row = await self._readers.one(NEWEST_MOMENT)
        return int(row[0] or 0)

    async def keep(self, mark: ClockMark) -> None:
        """Store the mark; durable when this returns."""
        text = json.dumps([mark.seen_ms, mark.ahead_ms, mark.doubted_ms])

        def work(connection: Connection) -> None:
            connection.execute(KEEP_ENTRY, ("clock", text))

        await self._writer.write(work)
