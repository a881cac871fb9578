"""Lists of runs that people have saved under a name."""

from engine.value import value
from journal.connection import Connection
from journal.errors import TooManyViews, UnknownView
from journal.reading.readers import Readers
from journal.writing.writer import Writer

MOST_VIEWS = 50
"""How many views a person may keep."""


@value(frozen=True, slots=True)
class ViewRow:
    """A view: its name, and its query as JSON text."""

    name: str
    asked: str
    updated_at_ms: int


class SavedViews:
    """The views of all people; each sees their own only."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, tenant: str, person: str, row: ViewRow) -> None:
        """Store a view, replacing one of that name. Raises `TooManyViews`."""

        def work(connection: Connection) -> None:
            (others,) = connection.execute(
                "SELECT count(*) FROM saved_views WHERE tenant = ? AND person = ? AND name <> ?",
                (tenant, person, row.name),
            ).fetchone()
            if others >= MOST_VIEWS:
                raise TooManyViews(MOST_VIEWS)
            connection.execute(
                "INSERT INTO saved_views (tenant, person, name, asked, updated_at_ms)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, person, name) DO UPDATE"
                " SET asked = excluded.asked, updated_at_ms = excluded.updated_at_ms",
                (tenant, person, row.name, row.asked, row.updated_at_ms),
            )

        await self._writer.write(work)

    async def of(self, tenant: str, person: str) -> list[ViewRow]:
        """Return the views of a person, by name."""
        rows = await self._readers.all(
            "SELECT name, asked, updated_at_ms FROM saved_views"
            " WHERE tenant = ? AND person = ? ORDER BY name",
            (tenant, person),
        )
        return [ViewRow(*row) for row in rows]

    async def delete(self, tenant: str, person: str, name: str) -> None:
        """Remove a view. Raises `UnknownView`."""

        def work(connection: Connection) -> None:
            removed = connection.execute(
                "DELETE FROM saved_views WHERE tenant = ? AND person = ? AND name = ?",
                (tenant, person, name),
            )
            if removed.rowcount == 0:
                raise UnknownView(name)

        await self._writer.write(work)
