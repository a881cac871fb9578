"""Reads of one row by its key, on the event loop's thread as long as they are short.

Going to a thread and back costs more than such a read. Beside a busy event loop the thread also
waits a millisecond and more for the interpreter at each step, so one tenant's request would wait
for the work of all others. If the disk is slow, these reads use the threads like all others, and
one is tried on the loop from time to time.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from journal.reading.disk_reads import disk_reads

_SHORT_S = 0.001
"""How many seconds reads may take on the loop on average."""

_COUNTED_S = 0.002
"""The most seconds that one read adds to the average."""

_DOUBTED_S = 0.0002
"""From this average on, a read counts only if it had to wait for the disk."""

_AWAY_S = 1.0
_LONGEST_AWAY_S = 60.0
"""The longest time for which reads use the threads, in seconds; repeats make it longer."""


class NearReads:
    """A read-only connection that belongs to the loop and never waits for another connection."""

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
        self._connection.text_factory = readable

    def are_short(self) -> bool:
        """Return whether the next read may be done here."""
        return self._away_until_s is None or self._now_s() >= self._away_until_s

    def row(self, sql: str, values: Sequence[Any] | Mapping[str, Any]) -> Any:
        """Return the row that a statement finds; None if it finds none.

        Raises `sqlite3.Error`, also if another connection is in the way.
        """
        read_before = self._disk_reads() if self._average_s > _DOUBTED_S else None
        began_s = self._now_s()
        found = self._connection.execute(sql, values)
        try:
            return found.fetchone()
        finally:
            found.close()  # otherwise it would keep its snapshot of the database
            took_s = self._now_s() - began_s
            is_in_doubt = read_before is not None
            self._note(0.0 if is_in_doubt and read_before == self._disk_reads() else took_s)

    def _note(self, took_s: float) -> None:
        self._average_s += (min(took_s, _COUNTED_S) - self._average_s) / 8
        if self._average_s > _SHORT_S:
            self._away_until_s = self._now_s() + self._away_s
            self._away_s = min(2 * self._away_s, _LONGEST_AWAY_S)
            self._average_s = _SHORT_S  # one more long read, and reads use the threads again
        elif self._away_until_s is not None and self._average_s < _SHORT_S / 2:
            self._away_until_s, self._away_s = None, _AWAY_S

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def readable(stored: bytes) -> str:
    """Return a text even if it is damaged, which must not prevent reading the others."""
    return stored.decode(errors="replace")
