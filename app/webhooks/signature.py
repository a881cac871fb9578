"""Signatures after Standard Webhooks: HMAC-SHA256 over id, time and body.

See https://www.standardwebhooks.com: the headers `webhook-id`, `webhook-timestamp` and
`webhook-signature`, and secrets of 24 to 64 bytes written as `whsec_` and base64. While a secret is
being replaced there are two signatures, separated by a space.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
_SHORTEST, _LONGEST, _NEW = 24, 64, 32


class UnfitWebhookSecret(ValueError):
    """A signing secret is not valid; the message does not show it."""

    def __init__(self) -> None:
        super().__init__(f"must be {PREFIX} and {_SHORTEST} to {_LONGEST} bytes in base64")


def new_secret() -> str:
    """Return a secret of 32 random bytes."""
    return PREFIX + base64.b64encode(os.urandom(_NEW)).decode()


def check_secret(secret: str) -> None:
    """Raise `UnfitWebhookSecret` unless the text is a valid secret."""
    try:
        size = len(_key(secret))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith(PREFIX) or not _SHORTEST <= size <= _LONGEST:
        raise UnfitWebhookSecret


def signed_headers(
    secrets: Sequence[str], message_id: str, at_s: int, body: bytes
) -> Mapping[str, str]:
    """Return the headers that prove who sent a body, and when (Unix seconds)."""
    content = f"{message_id}.{at_s}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
