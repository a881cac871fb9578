"""Places: which runs with `concurrency` hold a place, and which wait in line."""

from collections.abc import Collection

from engine import Run
from engine.value import value
from journal.connection import ALL_ROWS
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id
from journal.rows.run_projection import pool_column

_OF_KEY = (
    "FROM runs INDEXED BY runs_with_places WHERE tenant = ?"
    " AND coalesce(place_pool, workflow_id) = ? AND place_key = ? AND ended_at_ms IS NULL"
)


@value(frozen=True, slots=True)
class PlaceKey:
    """The key of the runs that count together.

    Attributes:
        within: The id of their workflow, or `#` and the name of their pool.
    """

    tenant: str
    within: str
    key: str

    @property
    def values(self) -> tuple[str, str, str]:
        """The values of the key in a query."""
        return self.tenant, self.within, self.key


@value(frozen=True, slots=True)
class Line:
    """The state of a line: the next run, and how many runs hold a place."""

    first: str | None
    under_way: int


def place_key(tenant: str, run: Run) -> PlaceKey | None:
    """Return the key under which a run counts; None if it needs no place."""
    if run.place is None:
        return None
    return PlaceKey(tenant, pool_column(run.place) or run.workflow_id, run.place.key)


class PlaceList:
    """Queries over the projection of runs that need a place."""

    def __init__(self, readers: Readers, lists: Readers) -> None:
        self._readers = readers
        self._lists = lists

    async def line(self, key: PlaceKey, skipped: Collection[int]) -> Line:
        """Return the first run in line, except for those in `without`, and how many hold a place.

        It reads as many rows as may hold a place, however long the line is.
        """
        shown = ", ".join(str(number) for number in [0, *sorted(skipped)])
        first = await self._readers.one(
            f"SELECT id {_OF_KEY} AND (state = 'queued') = true AND id NOT IN ({shown})"
            " ORDER BY priority DESC, id LIMIT 1",
            key.values,
        )
        under_way = await self._readers.one(
            f"SELECT count(*) {_OF_KEY} AND (state = 'queued') = false", key.values
        )
        return Line(run_id(first[0]) if first else None, int(under_way[0]))

    async def surplus(self, key: PlaceKey, limit: int) -> list[str]:
        """Return all but the newest `limit` runs that have not ended, the oldest first."""
        rows = await self._readers.all(
            f"SELECT id {_OF_KEY} ORDER BY id DESC LIMIT {ALL_ROWS} OFFSET ?", (*key.values, limit)
        )
        return [run_id(number) for (number,) in reversed(list(rows))]

    async def waited_for(self) -> list[PlaceKey]:
        """Return the keys for which runs wait in line."""
        rows = await self._lists.all(
            "SELECT DISTINCT tenant, coalesce(place_pool, workflow_id), place_key"
            " FROM runs INDEXED BY runs_with_places"
            " WHERE place_key IS NOT NULL AND ended_at_ms IS NULL AND (state = 'queued') = true"
        )
        return [PlaceKey(*row) for row in rows]
