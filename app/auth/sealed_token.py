"""Sealed values as text that fits into an address, for links and callback addresses."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from app.secrets.seal import Keyring, KeyUnusable


class LinkUnusable(Exception):
    """A link was not made by this server, or has expired."""

    def __init__(self) -> None:
        super().__init__("this link is not valid, or it has expired")


def token_of(sealed: bytes) -> str:
    """Return sealed bytes as text for an address."""
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def sealed_values(keyring: Keyring, kind: str, token: str) -> Sequence[Any]:
    """Return the values in a token of one kind. Raises `LinkUnusable`."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        values: list[Any] = json.loads(keyring.open(kind, "", "", sealed))
    except (binascii.Error, ValueError, KeyUnusable):
        raise LinkUnusable from None
    return values
