"""Tokens whose signature has been checked, so that the next request need not check it again.

Kept by their hash. What changes a token's worth is a change of the secrets, upon which all are
forgotten, and time: one is known for a minute at most, never beyond its end, and not where the
clock was set back, since it may then not have begun.
"""

import hashlib

from app.auth.caller import Caller
from engine.value import value

_LONGEST_MS = 60_000
_MOST = 1_000
_LONGEST_TOKEN = 8_192
"""Characters; a longer one is checked each time, since its claims take memory."""


@value(frozen=True, slots=True)
class _Known:
    caller: Caller
    since_ms: int
    until_ms: float


class KnownTokens:
    """The callers of tokens seen of late; the oldest go first."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Known] = {}

    def get(self, token: str, now_ms: int) -> Caller | None:
        """Return the caller of a token, None where it must be checked."""
        known = self._known.get(_name(token))
        if known is None or not known.since_ms <= now_ms < known.until_ms:
            return None
        return known.caller

    def keep(self, token: str, caller: Caller, now_ms: int, until_s: float) -> None:
        """Know a token that was checked just now and counts until `until_s`, in Unix time."""
        if len(token) > _LONGEST_TOKEN:
            return
        name = _name(token)
        self._known.pop(name, None)
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        until_ms = min(now_ms + _LONGEST_MS, until_s * 1_000)
        self._known[name] = _Known(caller, now_ms, until_ms)


def _name(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
