"""Sealed values as text that fits into an address or a cookie."""

import base64
import binascii
import json
from typing import Any

from app.secrets.seal import Keyring, KeyUnusable


class LinkUnusable(Exception):
    """A link was not made by this server, or has expired."""

    def __init__(self) -> None:
        super().__init__("this link is not valid, or it has expired")


def token_of(sealed: bytes) -> str:
    """Return sealed bytes as text for an address."""
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def sealed_values(keyring: Keyring, kind: str, token: str) -> Any:
    """Return the JSON value that was sealed in a token of one kind. Raises `LinkUnusable`."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return json.loads(keyring.open(kind, "", "", sealed))
    except (binascii.Error, ValueError, KeyUnusable):
        raise LinkUnusable from None
