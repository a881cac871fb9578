"""How many runs a tenant has by status, and how large the journal's files are."""

import time
from collections.abc import Awaitable, Callable

from engine.value import value
from journal.reading.readers import Readers
from journal.runs.run_filter import ENDED, OPEN

MOST_RUNS = 5_000
"""The count of a tenant's runs of a status stops here."""

_OF_TENANT = " UNION ALL ".join(
    f"SELECT '{status}', count(*) FROM (SELECT 1 FROM runs INDEXED BY {index}"
    f" WHERE tenant = :tenant AND parent IS {parent} AND status = '{status}' LIMIT :most) AS found"
    for status in OPEN + ENDED
    for index, parent in (("runs_by_status", "NULL"), ("child_runs_by_status", "NOT NULL"))
)
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

    Counting all runs reads an index of them, a tenth of a second for a million. Such a count is
    reused for a while, so that counting never takes more than a hundredth of the time.
    """

    def __init__(self, sizes: Callable[[], Awaitable[tuple[int, int]]], readers: Readers) -> None:
        self._sizes = sizes
        self._readers = readers
        self._kept: _Count | None = None

    async def sizes(self) -> tuple[int, int]:
        """Return the bytes of the database and of its write-ahead log."""
        return await self._sizes()

    async def of_all(self) -> dict[str, int]:
        """Count the runs of all tenants by status; for many runs, the count may be a minute old."""
        began_s = time.monotonic()
        if (kept := self._kept) and began_s < kept.until_s:
            return kept.runs
        rows = await self._readers.all("SELECT status, count(*) FROM runs GROUP BY status")
        counts = {str(status): int(count) for status, count in rows}
        took_s = time.monotonic() - began_s
        self._kept = None
        if took_s > _DEAR_S:
            until_s = began_s + took_s + min(_KEPT * took_s, _LONGEST_KEPT_S)
            self._kept = _Count(counts, until_s)
        return counts

    async def by_status(self, tenant: str) -> dict[str, int]:
        """Count the tenant's runs by status, up to `MOST_RUNS` of each, without those of none."""
        rows = await self._readers.all(_OF_TENANT, {"tenant": tenant, "most": MOST_RUNS})
        counts = dict.fromkeys(OPEN + ENDED, 0)
        for status, count in rows:
            counts[str(status)] = min(MOST_RUNS, counts[str(status)] + int(count))
        return {status: count for status, count in counts.items() if count}

    async def oldest_timer_ms(self, tenant: str) -> int | None:
        """Return the time of the tenant's earliest timer; None if none is set."""
        row = await self._readers.one(
            "SELECT due_at_ms FROM runs INDEXED BY timers_by_tenant"
            " WHERE due_at_ms IS NOT NULL AND tenant = ? ORDER BY due_at_ms LIMIT 1",
            (tenant,),
        )
        return int(row[0]) if row else None
