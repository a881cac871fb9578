"""The public keys of a provider (JWKS), and tokens checked with them.

The accepted algorithms follow from this server's settings and from the type of each key, never from
the token. A token that names an algorithm of another key type, or one with a shared secret, finds
no key.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from app.auth.unverified_token import MalformedToken, read_unverified
from engine.value import value

MOST_KEYS = 100
_SHORTEST_RSA = 2_048
_LEEWAY_S = 60
_LONGEST_SUBJECT = 255
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_NEWER_NAME = "Ed25519"
"""What RFC 9864 calls EdDSA with the only curve that is accepted here."""

_NUMBERS = ("n", "e", "x", "y")
"""The members of public keys that are numbers, written as texts."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


class BadIdentity(Exception):
    """A token was not made by the provider, or not for this server."""


class UnknownSigner(BadIdentity):
    """No known key signed the token; the provider may have a new one."""


@value(frozen=True, slots=True)
class SigningKey:
    """A public key: its `kid`, the algorithms it may be used with, and a key for each algorithm."""

    kid: str | None
    keys: Mapping[str, Any]


def keys_of(document: object, algorithms: Iterable[str]) -> list[SigningKey]:
    """Return the keys of a JWKS that may sign tokens; skips those that cannot be used."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return []
    found = []
    for item in listed[:MOST_KEYS]:
        key = _key(item, set(algorithms)) if isinstance(item, dict) else None
        if key is not None and key.keys:
            found.append(key)
    return found


def _key(item: dict[str, Any], allowed: set[str]) -> SigningKey | None:
    import jwt

    _know_newer_name()
    kid = item.get("kid")
    uses = item.get("key_ops", ["verify"])
    if item.get("use", "sig") != "sig" or not isinstance(uses, list) or "verify" not in uses:
        return None
    if not isinstance(kid, str | None) or "d" in item or "k" in item:
        return None  # nobody may publish a private or a shared key
    match item.get("kty"):
        case "RSA":
            fits: tuple[str, ...] = _RSA
        case "EC":
            fits = (_BY_CURVE.get(str(item.get("crv")), ""),)
        case "OKP" if item.get("crv") == "Ed25519":
            fits = ("EdDSA",)
        case _:
            return None
    if not all(isinstance(item.get(name, ""), str) for name in _NUMBERS):
        return None
    named = "EdDSA" if item.get("alg") == _NEWER_NAME else item.get("alg")
    keys = {}
    for algorithm in fits:
        if algorithm not in allowed or named not in (None, algorithm):
            continue
        try:
            key: Any = jwt.get_algorithm_by_name(algorithm).from_jwk(item)
        except (jwt.InvalidKeyError, ValueError):
            return None
        if getattr(key, "key_size", _SHORTEST_RSA) < _SHORTEST_RSA and algorithm in _RSA:
            return None
        keys[algorithm] = key
    return SigningKey(kid, keys)


@cache
def _know_newer_name() -> None:
    """Tell the library the newer name; a later release of it may know it."""
    import jwt

    with suppress(ValueError):
        jwt.register_algorithm(_NEWER_NAME, jwt.get_algorithm_by_name("EdDSA"))


def read_identity(token: str, keys: list[SigningKey], issuer: str, audience: str) -> dict[str, Any]:
    """Return the claims of a token. Raises `BadIdentity`, `UnknownSigner`."""
    import jwt

    try:
        header, _ = read_unverified(token)
        kid, algorithm = header.get("kid"), str(header.get("alg"))
        if "crit" in header or str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise BadIdentity("header")
        fitting = [key for key in keys if kid is None or key.kid == kid]
        if not fitting:
            raise UnknownSigner("kid")
        needed = "EdDSA" if algorithm == _NEWER_NAME else algorithm
        usable = [key.keys[needed] for key in fitting if needed in key.keys]
        if len(usable) != 1:
            raise BadIdentity("alg")
        claims: dict[str, Any] = jwt.decode(
            token,
            usable[0],
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            leeway=_LEEWAY_S,
            options={"require": ["exp", "sub", "iss", "aud"]},
        )
    except jwt.InvalidSignatureError as other:  # a provider may name a new key like the one before
        raise UnknownSigner("signature") from other
    except (MalformedToken, jwt.PyJWTError) as bad:
        raise BadIdentity(type(bad).__name__) from bad
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= _LONGEST_SUBJECT:
        raise BadIdentity("sub")
    return claims
