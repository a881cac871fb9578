"""Signed tokens (RFC 7519): finds which secret signed a token, and reads its claims.

The library that checks signatures is loaded only if there is a secret, since many servers use only
keys.
"""

import secrets
import uuid
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from app.auth.unverified_token import MalformedToken, read_unverified
from journal import JwtSecretRow

ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA")
_SHORTEST_RSA = 2_048
_LEEWAY_S = 60


class BadToken(Exception):
    """The server does not accept the token."""


class BadSecret(Exception):
    """A secret or public key cannot check tokens."""


def new_secret(  # noqa: PLR0913 - a row
    tenant: str, role: str, name: str, algorithm: str, now_ms: int, public_key: str | None = None
) -> JwtSecretRow:
    """Make a secret, or store a public key. Raises `BadSecret`."""
    if algorithm not in ALGORITHMS:
        raise BadSecret(f"algorithm must be one of {', '.join(ALGORITHMS)}")
    if algorithm.startswith("HS"):
        if public_key is not None:
            raise BadSecret(f"{algorithm} takes no public key")
        secret = secrets.token_urlsafe(48)
    else:
        if public_key is None:
            raise BadSecret(f"{algorithm} needs --public-key-file")
        import jwt
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

        try:
            key = jwt.get_algorithm_by_name(algorithm).prepare_key(public_key)
        except (jwt.InvalidKeyError, ValueError, TypeError) as unusable:
            raise BadSecret(f"that is not a public key for {algorithm}") from unusable
        if isinstance(key, RSAPublicKey) and key.key_size < _SHORTEST_RSA:
            raise BadSecret(f"an RSA key must have {_SHORTEST_RSA} bits or more")
        if "PRIVATE" in public_key:
            raise BadSecret("that is a private key; give the public one")
        secret = public_key
    return JwtSecretRow(
        f"kid_{uuid.uuid4().hex[:16]}", tenant, role, name, algorithm, secret, now_ms
    )


def load_library() -> None:
    """Load the library that `read_token` needs, so that the first token does not wait for it."""
    import_module("jwt")


def read_token(
    token: str, known: Mapping[str, JwtSecretRow], audience: str | None, issuer: str | None
) -> tuple[JwtSecretRow, dict[str, Any]]:
    """Return the secret that signed a token, and the claims. Raises `BadToken` for any fault.

    The secret is found by the header's `kid`, or by the payload's `secretId` in the older form;
    only the secret's own algorithm is accepted.
    """
    if not known:
        raise BadToken("kid")
    import jwt

    try:
        header, unverified = read_unverified(token)
        is_older = header.get("kid") is None
        kid = unverified.get("secretId") if is_older else header["kid"]
        row = known.get(kid) if isinstance(kid, str) else None
        if row is None or row.disabled_at_ms is not None:
            raise BadToken("kid")
        claims = jwt.decode(
            token,
            row.secret,
            algorithms=[row.algorithm],
            audience=audience,
            issuer=issuer,
            leeway=_LEEWAY_S,
            options={
                "require": ["exp"] if is_older else ["exp", "sub"],
                "verify_aud": audience is not None,
                "enforce_minimum_key_length": True,
            },
        )
    except (MalformedToken, jwt.PyJWTError) as bad:
        raise BadToken(str(bad)) from bad
    if is_older:
        claims.setdefault("sub", claims.get("userId"))
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise BadToken("sub")
    return row, claims
