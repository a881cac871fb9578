"""Suspects: runs inside a step that the end of the process has cut off, with no result since."""

from collections.abc import Iterable
from typing import Any
from zlib import crc32

from engine.value import value
from journal.rows.run_ids import run_id

SELECT_SUSPECTS = """
    SELECT * FROM (
        SELECT r.id, r.seq, r.tenant, json_extract(last.body, '$.step_id') AS step_id,
               (SELECT count(*) FROM events e WHERE e.run = r.id
                AND json_extract(e.body, '$.in_order') IS NULL
                AND e.seq > (SELECT o.seq FROM events o WHERE o.run = r.id
                             AND o.type <> 'AttemptInterrupted' ORDER BY o.seq DESC LIMIT 1)
               ) AS ends
        FROM runs r INDEXED BY runs_unfinished
        CROSS JOIN events last ON last.run = r.id AND last.seq = r.seq
        WHERE r.state = 'executing' AND last.type = 'AttemptInterrupted'
    ) AS found WHERE ends > 0
"""
"""The query whose rows `suspects_of` reads."""


@value(frozen=True, slots=True)
class Suspect:
    """A suspect, and how many interruptions count against its step."""

    run_id: str
    tenant: str
    step_id: str
    interruptions: int


def suspects_of(rows: Iterable[tuple[Any, ...]]) -> list[Suspect]:
    """Return the suspects, those with the fewest interruptions first.

    The order among equals changes with each interruption, so that no suspect is always behind the
    same other one.
    """
    ordered = sorted(rows, key=lambda row: (row[4], crc32(f"{row[0]}:{row[1]}".encode())))
    return [Suspect(run_id(row[0]), row[2], row[3], row[4]) for row in ordered]
