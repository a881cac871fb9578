"""Parses ISO 8601 texts as dates and times, with errors that quote the text."""

import json
from datetime import date, datetime

_SHOWN = 60


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


def _no_date(text: str) -> ValueError:
    if not isinstance(text, str):
        hint = "; `from_timestamp` makes one of Unix seconds" if type(text) in (int, float) else ""
        return ValueError(f"{json.dumps(text, default=str)[:_SHOWN]} is not an ISO date{hint}")
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return ValueError(f"{shown!r} is not an ISO date, such as 2026-01-31 or 2026-01-31T12:00:00Z")
