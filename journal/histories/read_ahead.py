"""Reads the histories of several short runs in one query, ahead of separate requests for each.

For a short run the query costs more than the data, and recovery reads a hundred thousand runs. A
history read ahead is valid for one reader, until something is appended to its run; all appends go
through this process. The next reading ahead replaces it.
"""

import json
from collections.abc import Sequence

from journal.reading.readers import Readers
from journal.rows.event_rows import Row
from journal.rows.run_ids import run_number

_LONGEST = 40
_LARGEST_BODY = 16_384
"""Runs with more events, or with a longer body (in characters), are read one by one."""


class ReadAhead:
    """The rows of some histories, in the form that `Events` uses.

    Attributes:
        is_used: Whether any have been read, or are being read.
    """

    def __init__(self, readers: Readers) -> None:
        self.is_used = False
        self._readers = readers
        self._rows: dict[str, list[Row]] = {}
        self._reading: set[str] = set()

    async def read(self, run_ids: Sequence[str]) -> None:
        """Read histories, in place of those that were read before."""
        numbers = {run_number(run_id): run_id for run_id in run_ids}
        self.is_used = True
        self._rows.clear()
        self._reading = set(run_ids)
        # One row for all, as in a list of runs.
        row = await self._readers.one(
            "SELECT json_group_array(json_array(r.id, r.tenant, e.seq, e.type, e.schema, e.at_ms,"
            " CASE WHEN length(e.body) <= ? THEN e.body END, hex(e.hash), r.seq))"
            " FROM json_each(?) wanted CROSS JOIN runs r ON r.id = CAST(wanted.value AS BIGINT)"
            " CROSS JOIN events e ON e.run = r.id WHERE r.seq <= ?",
            (_LARGEST_BODY, json.dumps(list(numbers)), _LONGEST),
        )
        found: dict[str, list[Row]] = {}
        for number, *fields in json.loads(row[0] or "[]"):
            fields[6] = bytes.fromhex(fields[6])
            found.setdefault(numbers[number], []).append(tuple(fields))
        for run_id, rows in found.items():
            if run_id in self._reading and all(fields[5] is not None for fields in rows):
                self._rows[run_id] = sorted(rows, key=lambda fields: fields[1])
        self._reading.clear()

    def take(self, run_id: str, tenant: str | None) -> list[Row] | None:
        """Return a history that was read ahead, once; with `tenant`, only if it is theirs."""
        rows = self._rows.get(run_id)
        if rows is None or tenant not in (None, rows[0][0]):
            return None
        return self._rows.pop(run_id)

    def forget(self, run_id: str) -> None:
        """Drop a history to which something has been appended, or may have been."""
        self._rows.pop(run_id, None)
        self._reading.discard(run_id)
        self.is_used = bool(self._rows or self._reading)
