"""Reads of one row by its key, on the event loop's thread while they are short.

The way to a thread and back costs more than such a read, and beside a busy loop the thread waits
for the interpreter at each step of it, a millisecond and more: so long would one tenant's request
stand behind the work of all others. Where the disk is slow these reads go to the threads like all
else, and one is tried on the loop now and then.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from journal.reading.disk_reads import disk_reads

_SHORT_S = 0.001
"""What reads may take on the loop on average."""

_COUNTED_S = 0.002
"""What one read counts at most."""

_DOUBTED_S = 0.0002
"""From this average on, a read counts only where it had to wait for the disk."""

_AWAY_S = 1.0
_LONGEST_AWAY_S = 60.0
"""How long reads go to the threads; the longer, the sooner they had to go there again."""


class NearReads:
    """A connection of the loop's own that cannot write, and never waits for another one."""

    def __init__(
        self,
        file: Path,
        now_s: Callable[[], float] = time.perf_counter,
        disk_reads: Callable[[], int] = disk_reads,
    ) -> None:
        """Open it. Raises `sqlite3.Error`."""
        self._now_s = now_s
        self._disk_reads = disk_reads
        self._average_s = 0.0
        self._away_s = _AWAY_S
        self._away_until_s: float | None = None
        self._connection = sqlite3.connect(
            file, isolation_level=None, timeout=0, cached_statements=256
        )
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._connection.text_factory = _text

    def are_short(self) -> bool:
        """Say whether the next one may be read here."""
        return self._away_until_s is None or self._now_s() >= self._away_until_s

    def row(self, sql: str, values: Sequence[Any] | Mapping[str, Any]) -> Any:
        """Return the row that a statement finds, None where it finds none.

        Raises `sqlite3.Error`, also where another connection is in the way.
        """
        read_before = self._disk_reads() if self._average_s > _DOUBTED_S else None
        began_s = self._now_s()
        found = self._connection.execute(sql, values)
        try:
            return found.fetchone()
        finally:
            found.close()  # else it would go on to read the database as it is now
            took_s = self._now_s() - began_s
            is_in_doubt = read_before is not None
            self._note(0.0 if is_in_doubt and read_before == self._disk_reads() else took_s)

    def _note(self, took_s: float) -> None:
        self._average_s += (min(took_s, _COUNTED_S) - self._average_s) / 8
        if self._average_s > _SHORT_S:
            self._away_until_s = self._now_s() + self._away_s
            self._away_s = min(2 * self._away_s, _LONGEST_AWAY_S)
            self._average_s = _SHORT_S  # one more that is long, and they are away again
        elif self._away_until_s is not None and self._average_s < _SHORT_S / 2:
            self._away_until_s, self._away_s = None, _AWAY_S

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _text(stored: bytes) -> str:
    return stored.decode(errors="replace")
