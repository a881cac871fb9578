"""Firings: the results of each reason to start something; the newest of each source are kept."""

import json
from collections.abc import Iterable

from engine.value import value
from journal.connection import Connection
from journal.reading.readers import Readers
from journal.rows.columns import columns
from journal.rows.run_ids import run_id, run_number

KEPT = 100
"""How many firings of one source are kept by default."""

_INSERT = (
    "INSERT INTO firings (tenant, source, key, at_ms, outcome, run, message)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, source, key) DO UPDATE SET"
    " at_ms = excluded.at_ms, outcome = excluded.outcome, run = excluded.run,"
    " message = excluded.message"
)
_TRIM = (
    "DELETE FROM firings WHERE tenant = ?1 AND source = ?2 AND outcome <> 'queued' AND position <="
    " (SELECT position FROM firings WHERE tenant = ?1 AND source = ?2"
    " ORDER BY position DESC LIMIT 1 OFFSET ?3)"
)


@value(frozen=True, slots=True)
class Firing:
    """The result of one reason to start something.

    Attributes:
        source: The schedule or trigger, such as `schedule:daily-report`.
        key: The reason: the moment of a schedule, as an ISO date, the id of a request, or the run
            that has ended.
        at_ms: When it was handled, in Unix milliseconds.
        outcome: `started`, `skipped`, `queued` or `failed`; of a request also `sent` (a signal),
            `repeated` (its key had been used), `answered` or `refused`.
        run_id: The run that was started.
        message: Why nothing was started, or not at once.
    """

    source: str
    key: str
    at_ms: int
    outcome: str
    run_id: str | None = None
    message: str | None = None


_SELECT = f"SELECT {columns(Firing, run_id='run')} FROM firings"


class FiringList:
    """Queries over the firings of all tenants."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def page(self, tenant: str, source: str, limit: int) -> list[Firing]:
        """Return the newest firings of a source, newest first."""
        rows = await self._readers.all(
            f"{_SELECT} WHERE tenant = ? AND source = ? ORDER BY position DESC LIMIT ?",
            (tenant, source, limit),
        )
        return [_firing(*row) for row in rows]

    async def newest(self, tenant: str, sources: Iterable[str]) -> dict[str, Firing]:
        """Return the newest firing of each of the sources that has any."""
        asked = json.dumps([*sources])
        rows = await self._readers.all(
            f"{_SELECT} WHERE position IN (SELECT (SELECT max(position) FROM firings"
            " WHERE tenant = ? AND source = asked.value) FROM json_each(?) AS asked)",
            (tenant, asked),
        )
        return {row[0]: _firing(*row) for row in rows}

    async def get(self, tenant: str, source: str, key: str) -> tuple[int, Firing] | None:
        """Return a firing with its position; None if there is none."""
        row = await self._readers.one(
            f"SELECT position, {columns(Firing, run_id='run')} FROM firings"
            " WHERE tenant = ? AND source = ? AND key = ?",
            (tenant, source, key),
        )
        return None if row is None else (int(row[0]), _firing(*row[1:]))

    async def queued(self, tenant: str, source: str, limit: int) -> list[Firing]:
        """Return the firings of a source that wait for their turn, oldest first."""
        rows = await self._readers.all(
            f"{_SELECT} WHERE tenant = ? AND source = ? AND outcome = 'queued'"
            " ORDER BY position LIMIT ?",
            (tenant, source, limit),
        )
        return [_firing(*row) for row in rows]

    async def sources_queued(self) -> list[tuple[str, str]]:
        """Return (tenant, source) of all sources with firings that wait for their turn."""
        rows = await self._readers.all(
            "SELECT DISTINCT tenant, source FROM firings WHERE outcome = 'queued'"
        )
        return [(tenant, source) for tenant, source in rows]


def note(connection: Connection, tenant: str, firing: Firing, kept: int = KEPT) -> int:
    """Store a firing, replacing an earlier one with its key, and drop the oldest.

    Returns its position.
    """
    number = None if firing.run_id is None else run_number(firing.run_id)
    rows = connection.execute(
        f"{_INSERT} RETURNING position",
        (tenant, firing.source, firing.key, firing.at_ms, firing.outcome, number, firing.message),
    ).fetchall()
    connection.execute(_TRIM, (tenant, firing.source, kept))
    return int(rows[0][0])


def _firing(  # noqa: PLR0913 - the columns
    source: str, key: str, at_ms: int, outcome: str, run: int | None, message: str | None
) -> Firing:
    return Firing(source, key, at_ms, outcome, None if run is None else run_id(run), message)
