"""ISO 8601 texts as dates and moments, with failures that name the text."""

from datetime import date, datetime

_SHOWN = 60


def read_day(text: str) -> date:
    """Return the date that a text writes. Raises `ValueError`."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise _no_date(text) from None


def read_moment(text: str) -> datetime:
    """Return the moment that a text writes, or the beginning of its day. Raises `ValueError`."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _no_date(text) from None


def _no_date(text: str) -> ValueError:
    shown = str(text) if len(str(text)) <= _SHOWN else f"{str(text)[:_SHOWN]}..."
    return ValueError(f"{shown!r} is no ISO date, such as 2026-01-31 or 2026-01-31T12:00:00Z")
