"""The store of a tenant: values shared by its runs, changed exactly once for each call."""

import json
from collections.abc import Callable
from typing import TypeAlias

from engine import Json, JsonObject
from engine.value import value
from journal.connection import Connection
from journal.errors import StoreFull
from journal.reading.readers import Readers
from journal.writing.writer import Writer

MOST_VALUES = 100_000
"""How many values a tenant may have."""

_REMEMBERED_MS = 30 * 86_400_000
"""How long the result of a call is kept for a repeat after a crash, in milliseconds."""
_SWEPT = 20


@value(frozen=True, slots=True)
class Change:
    """The change that a call makes to a value.

    Attributes:
        result: What the call returns.
        value: The new value, JSON text; None removes it if `touched`.
        touched: Whether anything changes.
        expires_at_ms: When the new value expires; None: never.
    """

    result: JsonObject
    value: str | None = None
    touched: bool = False
    expires_at_ms: int | None = None


Decide: TypeAlias = "Callable[[Json, bool], Change]"
"""Returns the change of a value, given whether it exists and the value. May raise."""


class StoreTable:
    """The stores of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def get(self, tenant: str, key: str, now_ms: int) -> tuple[bool, Json]:
        """Return whether a value exists, and the value."""
        row = await self._readers.by_key(_CURRENT, (tenant, key, now_ms))
        return (False, None) if row is None else (True, json.loads(row[0]))

    async def change(self, tenant: str, key: str, call: str, now_ms: int, decide: Decide) -> Json:
        """Change a value once for each `call`; durable when this returns.

        Returns:
            The result of the change; for a call that has been made before, its result then.

        Raises:
            StoreFull: The tenant has as many values as it may have.
        """

        def work(connection: Connection) -> str:
            made = connection.execute("SELECT result FROM store_calls WHERE call = ?", (call,))
            if (before := made.fetchone()) is not None:
                return str(before[0])
            row = connection.execute(_CURRENT, (tenant, key, now_ms)).fetchone()
            change = decide(None if row is None else json.loads(row[0]), row is not None)
            if change.touched:
                _write(connection, (tenant, key), change, now_ms, is_new=row is None)
            result = json.dumps(change.result, ensure_ascii=False)
            connection.execute("INSERT INTO store_calls VALUES (?, ?, ?)", (call, result, now_ms))
            _sweep(connection, now_ms)
            return result

        result: str = await self._writer.write(work)
        value: Json = json.loads(result)
        return value


_CURRENT = (
    "SELECT value FROM stored_values WHERE tenant = ? AND key = ?"
    " AND (expires_at_ms IS NULL OR expires_at_ms > ?)"
)


def _write(
    connection: Connection, place: tuple[str, str], change: Change, now_ms: int, *,
    is_new: bool,
) -> None:  # fmt: skip
    if change.value is None:
        connection.execute("DELETE FROM stored_values WHERE tenant = ? AND key = ?", place)
        return
    if is_new:
        (count,) = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM stored_values WHERE tenant = ? LIMIT ?) AS kept",
            (place[0], MOST_VALUES),
        ).fetchone()
        if count >= MOST_VALUES:
            raise StoreFull(MOST_VALUES)
    connection.execute(
        "INSERT INTO stored_values VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, key) DO UPDATE"
        " SET value = excluded.value, expires_at_ms = excluded.expires_at_ms,"
        " updated_at_ms = excluded.updated_at_ms",
        (*place, change.value, change.expires_at_ms, now_ms),
    )


def _sweep(connection: Connection, now_ms: int) -> None:
    """Remove a few expired values, and results that are no longer needed."""
    connection.execute(
        "DELETE FROM stored_values WHERE (tenant, key) IN (SELECT tenant, key FROM stored_values"
        " WHERE expires_at_ms <= ? LIMIT ?)",
        (now_ms, _SWEPT),
    )
    connection.execute(
        "DELETE FROM store_calls WHERE call IN"
        " (SELECT call FROM store_calls WHERE at_ms < ? LIMIT ?)",
        (now_ms - _REMEMBERED_MS, _SWEPT),
    )
