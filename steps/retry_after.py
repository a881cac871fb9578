"""The `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3)."""

from email.utils import parsedate_to_datetime

_LONGEST_MS = 24 * 3_600_000


def retry_after_ms(value: str | None, now_ms: int) -> int | None:
    """Return the wait that was asked for in milliseconds, a day at most; None for none."""
    if value is None:
        return None
    if value.strip().isdigit():
        wait = int(value.strip()[:9]) * 1_000
    else:
        try:
            wait = round(parsedate_to_datetime(value).timestamp() * 1_000) - now_ms
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0, min(wait, _LONGEST_MS))
