"""Reads a signed token before its signature is checked, and refuses what the check trips over.

What the check raises after this is its verdict, or a fault of this server. So no fault of this
server is taken for a bad token.
"""

import math
from typing import Any

_TIMES = ("exp", "nbf", "iat")


class MalformedToken(Exception):
    """A text is not a token, or a time in it is not a number; says which part."""


def read_unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token. Raises `MalformedToken`."""
    import jwt

    if not token.isascii():
        raise MalformedToken("form")
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError) as bad:  # nested too deeply
        raise MalformedToken(type(bad).__name__) from bad
    claims = found["payload"]
    for name in _TIMES:
        if name in claims and not _is_moment(claims[name]):
            raise MalformedToken(name)
    return found["header"], claims


def _is_moment(given: object) -> bool:
    if isinstance(given, float):
        return math.isfinite(given)
    return isinstance(given, int) and not isinstance(given, bool)
