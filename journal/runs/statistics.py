"""How many runs a tenant has by status, and how large the journal's files are."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from engine.value import value
from journal.reading.readers import Readers

_DEAR_S = 0.02
_KEPT = 100
"""A count is reused for this many times as long as it took, if it took long."""

_LONGEST_KEPT_S = 60.0


@value(frozen=True, slots=True)
class _Count:
    runs: dict[str, int]
    until_s: float


class Statistics:
    """Sizes and counts.

    Counting runs reads an index of all of them, a tenth of a second for a million. A count that
    took long is reused for a while, so that counting never takes more than a hundredth of the time.
    """

    def __init__(self, sizes: Callable[[], Awaitable[tuple[int, int]]], readers: Readers) -> None:
        self._sizes = sizes
        self._readers = readers
        self._kept: dict[str | None, _Count] = {}

    async def sizes(self) -> tuple[int, int]:
        """Return the bytes of the database and of its write-ahead log."""
        return await self._sizes()

    async def of_all(self) -> dict[str, int]:
        """Count the runs of all tenants by status; for many runs, the count may be a minute old."""
        return await self._counted(None, "SELECT status, count(*) FROM runs GROUP BY status")

    async def by_status(self, tenant: str) -> dict[str, int]:
        """Count the tenant's runs by status; for many runs, the count may be a minute old."""
        return await self._counted(
            tenant,
            "SELECT status, sum(runs) FROM (SELECT status, count(*) AS runs FROM runs"
            " INDEXED BY runs_by_status WHERE tenant = ?1 AND parent IS NULL GROUP BY status"
            " UNION ALL SELECT status, count(*) FROM runs"
            " INDEXED BY child_runs_by_status WHERE tenant = ?1 AND parent IS NOT NULL"
            " GROUP BY status) AS counted GROUP BY status",
            (tenant,),
        )

    async def oldest_timer_ms(self, tenant: str) -> int | None:
        """Return the time of the tenant's earliest timer; None if none is set."""
        row = await self._readers.one(
            "SELECT due_at_ms FROM runs INDEXED BY timers_by_tenant"
            " WHERE due_at_ms IS NOT NULL AND tenant = ? ORDER BY due_at_ms LIMIT 1",
            (tenant,),
        )
        return int(row[0]) if row else None

    async def _counted(
        self, whose: str | None, sql: str, values: Sequence[Any] = ()
    ) -> dict[str, int]:
        began_s = time.monotonic()
        if (kept := self._kept.get(whose)) and began_s < kept.until_s:
            return kept.runs
        rows = await self._readers.all(sql, values)
        counts = {str(status): int(count) for status, count in rows}
        took_s = time.monotonic() - began_s
        self._kept.pop(whose, None)
        if took_s > _DEAR_S:
            until_s = began_s + took_s + min(_KEPT * took_s, _LONGEST_KEPT_S)
            self._kept[whose] = _Count(counts, until_s)
        return counts
