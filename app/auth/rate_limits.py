"""Limits how many requests a key and a tenant may send: token buckets, in memory.

A bucket that is full again is forgotten, so only active callers take memory. After a restart all
buckets are full.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.auth.caller import Caller
from app.settings.server import Settings
from app.telemetry.counters import Counters

_SWEEP_AT = 1_000
_OPEN_RATE, _OPEN_BURST = 20.0, 200.0
_SIGN_IN_RATE = 0.2
"""Failed sign-ins per second that an address may make in the long run."""

_SIGN_IN_BURST = 20
"""Failed sign-ins that an address may make at once."""

_PASSWORD_RATE, _PASSWORD_BURST = 0.1, 10
"""Wrong passwords that may be tried for one name, from all addresses together."""


class RateLimited(Exception):
    """A key or a tenant sends more requests than it may.

    Attributes:
        retry_after_s: Whole seconds after which the next request is accepted.
    """

    def __init__(self, whose: str, rate: float, retry_after_s: float) -> None:
        self.retry_after_s = max(1, math.ceil(retry_after_s))
        super().__init__(
            f"this {whose} may send {rate:g} requests a second; "
            f"try again in {self.retry_after_s} seconds"
        )


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class RateLimit:
    """Buckets that fill by `rate` tokens a second up to `burst`; one request takes one token.

    Attributes:
        parts: How many processes share the rate; each lets through its part.
    """

    def __init__(self, rate: float, burst: float, now_s: Callable[[], float]) -> None:
        self.parts = 1
        self._whole_rate = self._rate = rate
        self._whole_burst = self._burst = max(1.0, burst)
        self._now_s = now_s
        self._buckets: dict[str, _Bucket] = {}
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        return len(self._buckets)

    def share(self, parts: int) -> None:
        """Let through one of `parts` equal parts of the rate."""
        if parts != self.parts:
            self.parts = parts
            self._rate = self._whole_rate / parts
            self._burst = max(1.0, self._whole_burst / parts)

    def wait_s(self, whose: str, cost: float = 1) -> float:
        """Return the seconds until there are tokens, 0 if there are now; takes none."""
        bucket = self._bucket(whose)
        return 0.0 if bucket.tokens >= cost else (cost - bucket.tokens) / self._rate

    def take(self, whose: str, cost: float = 1) -> None:
        """Take a token, or as many as the request costs."""
        self._bucket(whose).tokens -= cost

    def _bucket(self, whose: str) -> _Bucket:
        now_s = self._now_s()
        bucket = self._buckets.get(whose)
        if bucket is None:
            if len(self._buckets) >= self._sweep_at:
                self._forget_full(now_s)
            bucket = self._buckets[whose] = _Bucket(self._burst, now_s)
        bucket.tokens = min(self._burst, bucket.tokens + (now_s - bucket.at_s) * self._rate)
        bucket.at_s = now_s
        return bucket

    def _forget_full(self, now_s: float) -> None:
        self._buckets = {
            whose: bucket
            for whose, bucket in self._buckets.items()
            if bucket.tokens + (now_s - bucket.at_s) * self._rate < self._burst
        }
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._buckets))


class RateLimits:
    """The limits of every key and every tenant; a rate of 0 limits nothing."""

    def __init__(self, settings: Settings, counters: Counters) -> None:
        self._counters = counters
        rates = (("key", settings.rate_limit_key), ("tenant", settings.rate_limit_tenant))
        self._limits = tuple(
            (word, rate, RateLimit(rate, rate * settings.rate_limit_burst, time.monotonic))
            for word, rate in rates
            if rate > 0
        )
        self._open = RateLimit(_OPEN_RATE, _OPEN_BURST, time.monotonic)
        self._sign_ins = RateLimit(_SIGN_IN_RATE, _SIGN_IN_BURST, time.monotonic)
        self._passwords = RateLimit(_PASSWORD_RATE, _PASSWORD_BURST, time.monotonic)

    def share(self, processes: int) -> None:
        """Let through this process's part of every rate, as one of so many processes."""
        for limit in (*(limit for _, _, limit in self._limits), self._sign_ins, self._passwords):
            limit.share(processes)

    def check(self, caller: Caller) -> None:
        """Count a request. Raises `RateLimited`; a refused request takes no token."""
        who = {"key": caller.credential, "tenant": caller.tenant}
        for word, rate, limit in self._limits:
            if (wait_s := limit.wait_s(who[word])) > 0:
                self._counters.refused[word] += 1
                raise RateLimited(word, rate, wait_s)
        for word, _, limit in self._limits:
            limit.take(who[word])

    def check_open(self, address: str, rate: float = _OPEN_RATE) -> None:
        """Count a request to an address that needs no key and may have `rate` requests a second.

        Raises `RateLimited`.
        """
        cost = _OPEN_RATE / rate
        if (wait_s := self._open.wait_s(address, cost)) > 0:
            self._counters.refused["open"] += 1
            raise RateLimited("address", rate, wait_s)
        self._open.take(address, cost)

    def check_sign_in(self, address: str) -> None:
        """Raise `RateLimited` if an address had too many failed sign-ins recently."""
        if (wait_s := self._sign_ins.wait_s(address)) > 0:
            self._counters.refused["sign-in"] += 1
            raise RateLimited("address", _SIGN_IN_RATE, wait_s)

    def note_failed_sign_in(self, address: str) -> None:
        """Count a failed sign-in."""
        self._sign_ins.take(address)

    def check_password(self, tenant: str, name: str) -> None:
        """Raise `RateLimited` if too many wrong passwords were tried for a name, by anybody."""
        if (wait_s := self._passwords.wait_s(_account(tenant, name))) > 0:
            self._counters.refused["sign-in"] += 1
            raise RateLimited("name", _PASSWORD_RATE, wait_s)

    def note_failed_password(self, tenant: str, name: str) -> None:
        """Count a wrong password."""
        self._passwords.take(_account(tenant, name))


def _account(tenant: str, name: str) -> str:
    """Return a short name for an account, however long the name that was sent."""
    given = f"{tenant}\0{name.strip().casefold()}"
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
