"""Times in the form that people and expressions read."""

from datetime import UTC, datetime
from functools import lru_cache


def iso_time(at_ms: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC; milliseconds appear when they are not zero."""
    seconds, ms = divmod(at_ms, 1_000)
    return f"{_second(seconds)}.{ms:03d}Z" if ms else f"{_second(seconds)}Z"


def iso_time_or_none(at_ms: int | None) -> str | None:
    """Return a time as `iso_time` does, or None if there is none."""
    return None if at_ms is None else iso_time(at_ms)


@lru_cache(maxsize=1_024)
def _second(at_s: int) -> str:
    """Return a second without its zone. Cached: the times of a history lie close together."""
    return datetime.fromtimestamp(at_s, UTC).isoformat().removesuffix("+00:00")
