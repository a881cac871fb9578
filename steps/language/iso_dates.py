"""Parses ISO 8601 texts as dates and times, with errors that quote the text."""

import json
from contextlib import suppress
from datetime import date, datetime

from steps.language.durations import LATEST_MS

_SHOWN = 60
_SECONDS = (10**8, 10**11)
"""Numbers that as milliseconds are in the early 1970s, and as seconds are plausible times."""


def read_day(text: str) -> date:
    """Return the date of a text. Raises `ValueError`."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise _no_date(text) from None


def read_moment(text: str) -> datetime:
    """Return the time of a text, or the start of the day for a date. Raises `ValueError`."""
    try:
        return datetime.fromisoformat(text.upper())  # RFC 3339 has t and z too
    except (AttributeError, TypeError, ValueError):
        raise _no_date(text) from None


def moment_ms(value: object) -> int:
    """Return a time in Unix milliseconds, of that or of an ISO date with a zone.

    Raises `ValueError`.
    """
    at_ms = None
    if isinstance(value, int) and not isinstance(value, bool):
        at_ms = value
    elif isinstance(value, str):
        with suppress(ValueError, OverflowError):
            moment = read_moment(value)
            at_ms = round(moment.timestamp() * 1_000) if moment.tzinfo else None
    if at_ms is None or not 0 <= at_ms < LATEST_MS:
        raise _no_moment(f"not {json.dumps(value, ensure_ascii=False, default=str)[:_SHOWN]}")
    if isinstance(value, int) and _SECONDS[0] <= value < _SECONDS[1]:
        raise _no_moment(f"and {value} looks like seconds; multiply it by 1000")
    return at_ms


def _no_moment(what: str) -> ValueError:
    return ValueError(f"must give an ISO date with a zone or Unix milliseconds, {what}")


def _no_date(text: str) -> ValueError:
    if not isinstance(text, str):
        hint = "; `from_timestamp` makes one of Unix seconds" if type(text) in (int, float) else ""
        return ValueError(f"{json.dumps(text, default=str)[:_SHOWN]} is not an ISO date{hint}")
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return ValueError(f"{shown!r} is not an ISO date, such as 2026-01-31 or 2026-01-31T12:00:00Z")
