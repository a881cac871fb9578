"""Remembers tokens whose signature was checked, so the next request need not check it again.

Tokens are kept by their hash. Two things can end a token's validity. One is a change of the
secrets or of a provider's keys, after which all tokens are forgotten. The other is time: a token is
remembered for at most a minute and never past its end. If the clock was set back it is checked
again, since its validity may not have begun.
"""

import hashlib

from app.auth.caller import Caller
from engine.value import value

_LONGEST_MS = 60_000
_MOST = 1_000
_LONGEST_TOKEN = 8_192
"""In characters. Longer tokens are checked each time, since their claims take memory."""


@value(frozen=True, slots=True)
class _Known:
    caller: Caller
    since_ms: int
    until_ms: float


class KnownTokens:
    """The callers of recently used tokens; the oldest are dropped first."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Known] = {}

    def get(self, token: str, now_ms: int) -> Caller | None:
        """Return the caller of a token, or None if the token must be checked."""
        known = self._known.get(_name(token))
        if known is None or not known.since_ms <= now_ms < known.until_ms:
            return None
        return known.caller

    def keep(self, token: str, caller: Caller, now_ms: int, until_s: float) -> None:
        """Remember a token that was just checked and is valid until `until_s`, in Unix seconds."""
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
