"""Seals and opens the stored secrets that sign tokens; a sealed secret is kept as text."""

import base64
import binascii
from dataclasses import replace

from app.secrets.seal import Keyring
from journal import JwtSecretRow, JwtSecrets

_PREFIX = "sealed:"
_KIND = "jwt-secret"


def sealed_bytes(secret: str) -> bytes | None:
    """Return the sealed bytes of a secret as it is stored, or None when that is in the clear."""
    if not secret.startswith(_PREFIX):
        return None
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return b""


def seal_row(row: JwtSecretRow, keyring: Keyring) -> JwtSecretRow:
    """Return the row as it is stored; public keys stay in the clear."""
    if not row.algorithm.startswith("HS"):
        return row
    return replace(row, secret=_kept(keyring.seal(_KIND, row.tenant, row.kid, row.secret)))


def open_row(row: JwtSecretRow, keyring: Keyring) -> JwtSecretRow:
    """Return the row with its secret in the clear. Raises `KeyUnusable`."""
    sealed = sealed_bytes(row.secret)
    if sealed is None:
        return row
    return replace(row, secret=keyring.open(_KIND, row.tenant, row.kid, sealed))


async def seal_all(table: JwtSecrets, keyring: Keyring) -> None:
    """Seal secrets that are in the clear or sealed with an older key. Raises `KeyUnusable`."""
    resealed: dict[str, str] = {}
    for row in await table.all():
        sealed = sealed_bytes(row.secret)
        if sealed is None:
            if (secret := seal_row(row, keyring).secret) != row.secret:
                resealed[row.kid] = secret
        elif renewed := keyring.renewed(_KIND, row.tenant, row.kid, sealed):
            resealed[row.kid] = _kept(renewed)
    if resealed:
        await table.seal(resealed)


def _kept(sealed: bytes) -> str:
    return _PREFIX + base64.b64encode(sealed).decode()
