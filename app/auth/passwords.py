"""Hashes and checks passwords: salted scrypt, beside the event loop, a few at a time."""

import asyncio
import base64
import hashlib
import hmac
import secrets

from app.concurrency.in_thread import in_thread
from app.concurrency.shield import shielded

SHORTEST = 10
LONGEST = 500
_COST, _BLOCK, _PARALLEL = 2**14, 8, 5
"""16 MB of memory and about 0.1 s of one processor for one password."""

_FEWEST_DIFFERENT = 4
_AT_ONCE = 2
_MOST_WAITING = 50
_SALT_BYTES, _HASH_BYTES = 16, 32


class UnfitPassword(Exception):
    """The password is too short, too long, or one that others would guess."""


class TooManyPasswords(Exception):
    """More people are signing in at this moment than can be checked.

    Attributes:
        retry_after_s: Whole seconds after which the caller should try again.
    """

    def __init__(self) -> None:
        self.retry_after_s = 5
        super().__init__("too many people are signing in at this moment; try again in 5 seconds")


def must_be_fit(password: str, name: str) -> None:
    """Raise `UnfitPassword` for a password that is too short, too long or easily guessed."""
    if len(password) < SHORTEST:
        raise UnfitPassword(f"a password has {SHORTEST} characters or more")
    if len(password) > LONGEST:
        raise UnfitPassword(f"a password has {LONGEST} characters or fewer")
    is_name = password.casefold() in (name.casefold(), name.casefold() * 2)
    if is_name or len(set(password)) < _FEWEST_DIFFERENT:
        raise UnfitPassword("that password is easily guessed; choose another one")


class Passwords:
    """Hashes passwords and checks them."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobody = _kept(bytes(_SALT_BYTES), bytes(_HASH_BYTES))

    async def hashed(self, password: str) -> str:
        """Return the hash to store for a password. Raises `TooManyPasswords`."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return _kept(salt, await self._digest(password, salt))

    async def fits(self, password: str, kept: str | None) -> bool:
        """Return whether a password matches the stored hash; takes as long if there is no hash.

        Raises `TooManyPasswords`.
        """
        salt, digest = _read(kept or self._nobody)
        found = await self._digest(password[: LONGEST + 1], salt)
        return hmac.compare_digest(found, digest) and kept is not None

    async def _digest(self, password: str, salt: bytes) -> bytes:
        if self._waiting >= _MOST_WAITING:
            raise TooManyPasswords
        # A thread cannot be stopped: the turn is held until its work is done.
        return await shielded(self._in_turn(password, salt))

    async def _in_turn(self, password: str, salt: bytes) -> bytes:
        self._waiting += 1
        try:
            async with self._turns:
                return await in_thread(lambda: _scrypt(password, salt))
        finally:
            self._waiting -= 1


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=_HASH_BYTES, maxmem=64 * 1024 * 1024,
    )  # fmt: skip


def _kept(salt: bytes, digest: bytes) -> str:
    parts = (base64.b64encode(part).decode() for part in (salt, digest))
    return "$".join(("scrypt", f"{_COST},{_BLOCK},{_PARALLEL}", *parts))


def _read(kept: str) -> tuple[bytes, bytes]:
    _, _, salt, digest = kept.split("$")
    return base64.b64decode(salt), base64.b64decode(digest)
