"""Rows of events: events of one append that happened at the same moment share a row.

A row of one event has its type and its body, in schema 1. A row of several has the types separated
by spaces and the list of their bodies, in schema 2. Its number and position are those of its last
event; the others have the ones before. Each row is one link of the chain.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from engine import EVENT_TYPES, AttemptInterrupted, Event, PauseChanged, RunFailed, RunPaused
from journal.rows.chain import link
from journal.rows.codec import SCHEMA, decode, decode_values, encode, parsed

Row: TypeAlias = tuple[Any, ...]
"""Run, number, types, schema, moment, body and hash, as columns of `events`."""

SEVERAL = 2
"""The number of the format of a row with several events."""

MOST_OF_A_ROW = 64

_ALONE = frozenset({AttemptInterrupted, PauseChanged, RunFailed, RunPaused})
"""Types that get a row of their own, because statements search for them and in their bodies."""

_NAMES = {kind: kind.__name__ for kind in EVENT_TYPES}

EVENTS_OF_ROW = "length(type) - length(replace(type, ' ', '')) + 1"
"""How many events a row has, in SQL."""


def count_of(kinds: str) -> int:
    """Return how many events a row has, by its types."""
    return kinds.count(" ") + 1


def rows_of(
    number: int, seq: int, before: bytes, events: Sequence[Event]
) -> tuple[list[Row], bytes, int]:
    """Return the rows of events that follow number `seq` of a run, whose hash is `before`.

    Also returns the hash of the last row, and how many characters their bodies have.
    """
    rows: list[Row] = []
    at, characters, last = 0, 0, len(events)
    while at < last:
        event = events[at]
        kind, at_ms = type(event), event.at_ms
        kinds, body, schema = _NAMES[kind], encode(event), SCHEMA
        begin, at = at, at + 1
        if at < last and kind not in _ALONE:
            for event in events[at : begin + MOST_OF_A_ROW]:
                kind = type(event)
                if event.at_ms != at_ms or kind in _ALONE:
                    break
                kinds += f" {_NAMES[kind]}"
                body += f",{encode(event)}"
                at += 1
            if at - begin > 1:
                schema, body = SEVERAL, f"[{body}]"
        before = link(before, seq + at, kinds, schema, at_ms, body)
        rows.append((number, seq + at, kinds, schema, at_ms, body, before))
        characters += len(body)
    return rows, before, characters


def decode_row(kinds: str, schema: int, at_ms: int, body: str) -> list[Event]:
    """Return the events that a row holds. Raises `ValueError` as `decode`."""
    if schema != SEVERAL:
        return [decode(kinds, schema, at_ms, body)]
    values = values_of(kinds, body)
    pairs = zip(kinds.split(" "), values, strict=True)
    return [decode_values(kind, at_ms, one) for kind, one in pairs]


def values_of(kinds: str, body: str) -> list[Any]:
    """Return the values of each event of a row of several. Raises `ValueError`."""
    values, count = parsed(body), count_of(kinds)
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"does not have a body for each of its {count} events")
    return values
