"""Requests to the addresses of triggers: the newest ones, each with its firing."""

import json

from engine.value import value
from journal.connection import Connection
from journal.errors import UnknownFiring
from journal.reading.readers import Readers
from journal.tables.firings import Firing, FiringList

LONGEST_KEPT_BODY_BYTES = 64 * 1024
"""The longest body that is stored, in bytes; a longer one is not stored at all."""

_MOST_BYTES = 1_048_576
"""The limit of one trigger's stored bodies together, in bytes; the oldest are dropped first."""


@value(frozen=True, slots=True)
class ArrivedRequest:
    """A request as it is stored, without credentials.

    Attributes:
        query: The part of its address after the `?`.
        headers: Header fields by name in lower case.
        size: How many bytes its body had.
        body: The body; None if it was too long to store.
    """

    method: str
    query: str
    headers: dict[str, str]
    size: int
    body: bytes | None


class RequestTable:
    """The kept requests of all tenants."""

    def __init__(self, readers: Readers, firings: FiringList) -> None:
        self._readers = readers
        self._firings = firings

    async def get(
        self, tenant: str, sources: tuple[str, ...], key: str
    ) -> tuple[Firing, ArrivedRequest]:
        """Return a firing of one of the sources, with its request. Raises `UnknownFiring`."""
        for source in sources:
            found = await self._firings.get(tenant, source, key)
            if found is None:
                continue
            row = await self._readers.one(
                "SELECT method, query, headers, size, body FROM requests WHERE firing = ?",
                (found[0],),
            )
            if row is not None:
                method, query, headers, size, body = row
                return found[1], ArrivedRequest(method, query, json.loads(headers), size, body)
        raise UnknownFiring(key)


def keep(
    connection: Connection, tenant: str, position: int, source: str, request: ArrivedRequest
) -> None:
    """Store the request of a firing, and drop the oldest bodies if there is too much."""
    connection.execute(
        "INSERT INTO requests (firing, method, query, headers, size, body)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (firing) DO UPDATE SET"
        " method = excluded.method, query = excluded.query,"
        " headers = excluded.headers, size = excluded.size, body = excluded.body",
        (
            position, request.method, request.query, json.dumps(request.headers), request.size,
            request.body,
        ),
    )  # fmt: skip
    connection.execute(_TRIM, (tenant, source, _MOST_BYTES))


_TRIM = """
    UPDATE requests SET body = NULL WHERE firing IN (
        SELECT firing FROM (
            SELECT r.firing AS firing, sum(r.size) OVER (ORDER BY r.firing DESC) AS together
            FROM firings f JOIN requests r ON r.firing = f.position
            WHERE f.tenant = ? AND f.source = ? AND r.body IS NOT NULL) AS kept
        WHERE together > ?)
"""
