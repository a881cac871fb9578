"""How a tenant's runs and the files of the journal stand."""

from pathlib import Path

from journal.readers import Readers


class Statistics:
    """Sizes and counts."""

    def __init__(self, file: Path, readers: Readers) -> None:
        self._file = file
        self._readers = readers

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of the database and of its write-ahead log."""
        return _size(self._file), _size(self._file.with_name(f"{self._file.name}-wal"))

    async def by_status(self, tenant: str) -> dict[str, int]:
        """Count the tenant's runs by status."""
        rows = await self._readers.all(
            "SELECT status, count(*) FROM runs WHERE tenant = ? GROUP BY status", (tenant,)
        )
        return {str(status): int(count) for status, count in rows}

    async def oldest_timer_ms(self, tenant: str) -> int | None:
        """Return the moment of the tenant's earliest timer, None when none is set."""
        # The plus keeps SQLite from sorting all runs of the tenant: timers are in order already.
        row = await self._readers.one(
            "SELECT due_at_ms FROM runs WHERE due_at_ms IS NOT NULL AND +tenant = ?"
            " ORDER BY due_at_ms LIMIT 1",
            (tenant,),
        )
        return int(row[0]) if row else None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
