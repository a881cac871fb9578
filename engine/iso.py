"""Moments as people and expressions read them."""

from datetime import UTC, datetime


def iso_time(at_ms: int) -> str:
    """Give Unix milliseconds as ISO 8601 in UTC; milliseconds appear when they are not zero."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    precision = "milliseconds" if at_ms % 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
