"""The `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3)."""

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime

_LONGEST_MS = 24 * 3_600_000
_LONGEST = 100
_SECONDS = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")  # `\d` and `isdigit` accept other scripts


def retry_after_ms(value: str | None, now_ms: int) -> int | None:
    """Return the requested wait in milliseconds, a day at most; None if there is none.

    A value that is neither a number nor a date requests no wait.
    """
    text = (value or "").strip()
    if not text or len(text) > _LONGEST:
        return None
    if _SECONDS.fullmatch(text):
        return min(math.ceil(float(text) * 1_000), _LONGEST_MS)
    try:
        moment = parsedate_to_datetime(text)
        # Without a zone, and with -0000, the date is in UTC.
        at_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return max(0, min(round(at_s * 1_000) - now_ms, _LONGEST_MS))
