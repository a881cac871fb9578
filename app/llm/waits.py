"""How long a provider asks to wait before the next question, wherever it says so."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from steps.http.retry_after import retry_after_ms

_MILLISECONDS = "retry-after-ms"
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
_DELAY = re.compile(rf"({_NUMBER.pattern})s")
_WORDS = re.compile(
    rf"(?:try again|retry|wait) (?:in|after|for) (?:(\d{{1,4}})m)?({_NUMBER.pattern}) ?"
    r"(ms|milliseconds?|s\b|seconds?|m\b|minutes?)",
    re.IGNORECASE,
)
_UNITS_MS = {"ms": 1.0, "m": 60_000.0, "s": 1_000.0}
_MINUTE_MS, _LONGEST_MS = 60_000, 24 * 3_600_000
_DEEPEST = 5


def wait_ms(headers: Mapping[str, str], body: object, message: str, now_ms: int) -> int | None:
    """Return the wait in milliseconds, a day at most; None if the provider asks for none."""
    exact = headers.get(_MILLISECONDS, "").strip()
    if _NUMBER.fullmatch(exact):
        return _bounded(float(exact))
    asked = retry_after_ms(headers.get("retry-after"), now_ms)
    if asked is not None:
        return asked
    delay = next(_delays(body, _DEEPEST), None)
    return _said(message) if delay is None else _bounded(delay * 1_000)


def _delays(body: Any, depth: int) -> Iterator[float]:
    """Yield the seconds of each `retryDelay`, as in google.rpc.RetryInfo."""
    if isinstance(body, list) and depth:
        for item in body:
            yield from _delays(item, depth - 1)
    elif isinstance(body, Mapping) and depth:
        found = _DELAY.fullmatch(str(body.get("retryDelay", "")))
        if found:
            yield float(found[1])
        for key in ("error", "details"):
            yield from _delays(body.get(key), depth - 1)


def _said(message: str) -> int | None:
    """Return the wait in a message such as `Please try again in 1m2.5s`."""
    found = _WORDS.search(message)
    if found is None:
        return None
    unit = found[3].lower()
    factor = _UNITS_MS["ms" if unit.startswith(("ms", "milli")) else unit[:1]]
    return _bounded(int(found[1] or 0) * _MINUTE_MS + float(found[2]) * factor)


def _bounded(wait: float) -> int:
    return min(math.ceil(wait), _LONGEST_MS)
