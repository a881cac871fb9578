"""Addresses that sign a browser in once, for the program that opens it; kept in memory only."""

import hashlib
import secrets

from app.auth.errors import Unauthorized
from app.clock import Clock
from engine.value import value

PATH = "/sign-in/once/"
_LASTS_MS = 300_000
_MOST = 100


@value(frozen=True, slots=True)
class _Offer:
    tenant: str
    credential: str
    until_ms: int


class OneTimeSignIns:
    """Makes sign-in addresses, each of which works once, within five minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offers: dict[bytes, _Offer] = {}

    def offer(self, tenant: str, credential: str) -> str:
        """Return a path that signs a browser in with a tenant's key."""
        if len(self._offers) >= _MOST:
            del self._offers[next(iter(self._offers))]
        code = secrets.token_urlsafe(24)
        self._offers[_hash(code)] = _Offer(tenant, credential, self._clock.now_ms() + _LASTS_MS)
        return f"{PATH}{code}"

    def take(self, code: str) -> tuple[str, str]:
        """Return the tenant and key of a code, which then stops working. Raises `Unauthorized`."""
        offer = self._offers.pop(_hash(code), None)
        if offer is None or offer.until_ms <= self._clock.now_ms():
            raise Unauthorized
        return offer.tenant, offer.credential


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
