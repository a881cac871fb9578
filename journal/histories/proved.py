"""Reads the events in rows whose chain of hashes is intact, in pieces of limited length."""

from collections.abc import Iterator, Sequence

from engine import Event
from journal.errors import Corrupt
from journal.rows.chain import link
from journal.rows.event_rows import Row, count_of, decode_row

PIECE_EVENTS = 100
_PIECE_CHARACTERS = 250_000
"""How much of a long history is checked or folded before the event loop gets a turn."""


def pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Split rows of events, each after its run's tenant, into pieces of limited length."""
    begin, size = 0, 0
    for end, row in enumerate(rows, start=1):
        size += len(row[5])
        if end - begin >= PIECE_EVENTS or size >= _PIECE_CHARACTERS or end == len(rows):
            yield rows[begin:end]
            begin, size = end, 0


def following(run_id: str, row: Row, seq: int, before: bytes) -> list[Event]:
    """Return the events of the row after event `seq`, whose hash is `before`. Raises `Corrupt`."""
    last, kind, schema, at_ms, body, digest = row
    first = last - count_of(kind) + 1
    is_intact = isinstance(body, str) and digest == link(before, last, kind, schema, at_ms, body)
    if first != seq + 1 or not is_intact:
        raise Corrupt(run_id, first, "does not follow from the one before it")
    try:
        return decode_row(kind, schema, at_ms, body)
    except ValueError as unknown:
        raise Corrupt(run_id, first, str(unknown)) from unknown
