"""Makes API keys: `sk_` and 32 random bytes, stored as SHA-256."""

import hashlib
import secrets
import uuid

from journal import KeyRow

_PREFIX_LENGTH = 14


def prefix_of(key: str) -> str:
    """Return the part of a key that it is looked up by."""
    return key[:_PREFIX_LENGTH]


def hash_of(key: str) -> bytes:
    """Return the hash of a key, which is stored instead of the key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def new_key(
    tenant: str, role: str, name: str, now_ms: int, expires_at_ms: int | None = None
) -> tuple[str, KeyRow]:
    """Make a key; return the key, which is shown only once, and its row for the journal."""
    key = "sk_" + secrets.token_urlsafe(32)
    row = KeyRow(
        id=uuid.uuid4().hex[:12],
        prefix=prefix_of(key),
        hash=hash_of(key),
        tenant=tenant,
        role=role,
        name=name,
        created_at_ms=now_ms,
        expires_at_ms=expires_at_ms,
    )
    return key, row
