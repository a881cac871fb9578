"""Idempotency keys of starts: which run each key has started, even if that run was deleted."""

from collections.abc import Sequence

from engine.value import value
from journal.connection import Connection
from journal.errors import DuplicateStart
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer

_FORGOTTEN_AT_ONCE = 1_000


@value(frozen=True, slots=True)
class IdempotencyKey:
    """The key of a start request, with a fingerprint of what it asks for."""

    key: str
    fingerprint: str


@value(frozen=True, slots=True)
class UsedKey:
    """The use of a key.

    Attributes:
        fingerprint: What the request had asked for.
        is_deleted: True if the run has been deleted.
    """

    run_id: str
    fingerprint: str
    is_deleted: bool


class StartKeys:
    """The keys of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def used(self, tenant: str, key: str) -> UsedKey | None:
        """Return the run that a key has started; None if the key is unused."""
        row = await self._readers.by_key(
            "SELECT run, fingerprint, is_deleted FROM start_keys WHERE tenant = ? AND key = ?",
            (tenant, key),
        )
        return None if row is None else UsedKey(run_id(row[0]), row[1], bool(row[2]))

    async def forget(self, before_ms: int) -> int:
        """Forget keys used before a moment whose runs are deleted, and return how many.

        The number in one call is limited; 0 means that there are no more.
        """
        rows = await self._readers.all(
            "SELECT tenant, key FROM start_keys WHERE is_deleted AND created_at_ms < ? LIMIT ?",
            (before_ms, _FORGOTTEN_AT_ONCE),
        )
        found: Sequence[tuple[str, str]] = list(rows)
        if found:
            await self._writer.write(
                lambda connection: connection.executemany(
                    "DELETE FROM start_keys WHERE tenant = ? AND key = ?", found
                ),
                UNCOUNTED,
            )
        return len(found)


def claim(
    connection: Connection, tenant: str, wanted: IdempotencyKey, number: int, at_ms: int
) -> None:
    """Take a key for a run. Raises `DuplicateStart` if it has been used."""
    used = connection.execute(
        "SELECT run, fingerprint FROM start_keys WHERE tenant = ? AND key = ?", (tenant, wanted.key)
    ).fetchone()
    if used:
        raise DuplicateStart(run_id(used[0]), same=used[1] == wanted.fingerprint)
    connection.execute(
        "INSERT INTO start_keys (tenant, key, run, fingerprint, created_at_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (tenant, wanted.key, number, wanted.fingerprint, at_ms),
    )


def outlive(connection: Connection, numbers: Sequence[tuple[int]]) -> None:
    """Keep the keys of runs that are being deleted."""
    connection.executemany("UPDATE start_keys SET is_deleted = true WHERE run = ?", numbers)
