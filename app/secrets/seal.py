"""Sealing: AES-256-GCM encryption, bound to the kind, tenant and name of the value.

A sealed value is one byte of format, eight bytes that identify the key, twelve random bytes, and
the ciphertext with its tag. The key's id lets a wrong key be reported as such.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable
from functools import cache
from typing import Any

KEY_BYTES = 32
_FORMAT = b"\x01"
_ID_BYTES = 8
_NONCE_BYTES = 12


class KeyUnusable(Exception):
    """Sealed values cannot be opened or made with the available keys; nothing has changed."""


class Keyring:
    """The key that seals, and older keys that can still open values they sealed."""

    def __init__(self, current: bytes, older: Iterable[bytes] = ()) -> None:
        """Take keys of 32 bytes."""
        self._current = key_id(current)
        self._nonces = hmac.new(current, b"stepwell nonces", hashlib.sha256).digest()
        self._keys = {key_id(key): key for key in (current, *older)}

    def seal(self, kind: str, tenant: str, name: str, value: str) -> bytes:
        """Return the value sealed; it can be opened only with the same `kind`, tenant and name."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = _cipher(self._keys[self._current])
        sealed: bytes = cipher.encrypt(nonce, value.encode(), _bound(kind, tenant, name))
        return _FORMAT + self._current + nonce + sealed

    def seal_alike(self, kind: str, value: str) -> bytes:
        """Return a value of no tenant sealed deterministically: always to the same bytes."""
        bound = _bound(kind, "", "")
        text = b"\0".join((self._nonces, bound, value.encode()))
        nonce = hashlib.sha256(text).digest()[:_NONCE_BYTES]
        cipher = _cipher(self._keys[self._current])
        sealed: bytes = cipher.encrypt(nonce, value.encode(), bound)
        return _FORMAT + self._current + nonce + sealed

    def open(self, kind: str, tenant: str, name: str, sealed: bytes) -> str:
        """Return the value. Raises `KeyUnusable` when no key fits or the bytes were altered."""
        key = self._keys.get(id_of(sealed))
        if key is None:
            raise KeyUnusable(f"{kind} {name} of tenant {tenant} is sealed with another key")
        start = len(_FORMAT) + _ID_BYTES
        nonce, rest = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        from cryptography.exceptions import InvalidTag

        try:
            plain: bytes = _cipher(key).decrypt(nonce, rest, _bound(kind, tenant, name))
            return plain.decode()
        except (InvalidTag, ValueError) as changed:
            raise KeyUnusable(
                f"{kind} {name} of tenant {tenant} is not what was sealed: the journal was "
                "damaged or changed; restore it from a backup"
            ) from changed

    def renewed(self, kind: str, tenant: str, name: str, sealed: bytes) -> bytes | None:
        """Return a value that an older key sealed, resealed with the current key; else None.

        Raises `KeyUnusable` as `open` does.
        """
        if id_of(sealed) == self._current:
            return None
        return self.seal(kind, tenant, name, self.open(kind, tenant, name, sealed))

    @property
    def mark(self) -> bytes:
        """The id of the key that seals, which reveals nothing about it."""
        return self._current

    @property
    def older(self) -> set[bytes]:
        """The ids of the keys that can only open."""
        return set(self._keys) - {self._current}

    def opens(self, name: bytes) -> bool:
        """Return whether the key with that id is available."""
        return name in self._keys


@cache
def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def id_of(sealed: bytes) -> bytes:
    """Return the id of the key that sealed a value; empty when the value is not sealed."""
    return sealed[1 : 1 + _ID_BYTES] if sealed[:1] == _FORMAT else b""


def key_id(key: bytes) -> bytes:
    """Return the id of a key, which reveals nothing about it."""
    return hmac.new(key, b"stepwell key", hashlib.sha256).digest()[:_ID_BYTES]


def _bound(kind: str, tenant: str, name: str) -> bytes:
    return json.dumps([kind, tenant, name]).encode()
