"""Sessions of signed-in browsers, until they expire."""

from dataclasses import astuple

from engine.value import value
from journal.connection import Connection
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class SessionRow:
    """One session.

    Attributes:
        id: A hash of the secret that only its cookie has.
        who: The caller, named as in the history of runs.
        kind: How it was opened: `key`, `token`, `password`, `invitation` or `provider`.
        credential: What it was opened with: the id of a key or a person, or a token's user.
        address: The address of the browser at sign-in, as far as the server sees it.
        browser: What the browser said that it is.
    """

    id: str
    tenant: str
    who: str
    kind: str
    credential: str
    address: str
    browser: str
    began_at_ms: int
    until_ms: int


class SessionTable:
    """The sessions of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def all(self, now_ms: int) -> list[SessionRow]:
        """Return the sessions that have not expired, oldest first."""
        rows = await self._readers.all(
            f"SELECT {columns(SessionRow)} FROM sessions WHERE until_ms > ?"
            " ORDER BY began_at_ms, id",
            (now_ms,),
        )
        return [SessionRow(*row) for row in rows]

    async def mark(self) -> tuple[int, int]:
        """Return what changes whenever a session begins or ends."""
        row = await self._readers.one(
            "SELECT count(*), coalesce(max(began_at_ms), 0) FROM sessions"
        )
        return int(row[0]), int(row[1])

    async def add(self, row: SessionRow) -> None:
        """Store a session, and delete those that have expired; durable when this returns."""

        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM sessions WHERE until_ms <= ?", (row.began_at_ms,))
            connection.execute(insert_into("sessions", SessionRow), astuple(row))

        await self._writer.write(work)

    async def remove(self, ids: list[str]) -> None:
        """End sessions; durable when this returns."""

        def work(connection: Connection) -> None:
            connection.executemany("DELETE FROM sessions WHERE id = ?", [(one,) for one in ids])

        await self._writer.write(work)
