"""Sessions of browsers: a sealed cookie that names the credential it stands for.

The credential is checked at every request, so that a session ends with its key or token. Of
sessions the journal keeps only those that were signed out, until their time would be over. A
browser sends the cookie by itself, so a request that changes something must also bring the
session's own word in a header, which no other site can do.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.auth.caller import Caller
from app.auth.callers import Authenticator
from app.auth.errors import Unauthorized
from app.auth.keys import hash_of, prefix_of
from app.clock import Clock
from app.secrets.seal import Keyring, KeyUnusable
from journal import EndedSessions

COOKIE = "stepwell_session"
CSRF_HEADER = "x-csrf-token"
_KIND = "session"
_LONGEST_COOKIE = 3_800
_SAFE = ("GET", "HEAD")
_HERE = (None, "same-origin", "none")


class TokenTooLong(Exception):
    """A token does not fit into a cookie."""

    def __init__(self) -> None:
        super().__init__("this token is too long for a browser's cookie; sign in with a key")


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asking, and the word that a browser must send with every change."""

    caller: Caller
    csrf: str = ""


class Sessions:
    """Opens sessions, and knows who is asking in whatever way they say it."""

    def __init__(
        self,
        authenticator: Authenticator,
        table: EndedSessions,
        keyring: Keyring,
        clock: Clock,
        lifetime_s: int,
    ) -> None:
        self._authenticator = authenticator
        self._table = table
        self._ended: set[str] = set()
        self._keyring = keyring
        self._clock = clock
        self.lifetime_s = lifetime_s

    async def load(self) -> None:
        """Read which sessions were signed out."""
        self._ended = await self._table.all(self._clock.now_ms())

    async def end(self, cookies: Mapping[str, str]) -> None:
        """End the session of a browser, durable when this returns; its cookie counts no more.

        Raises `Unauthorized` where there is none.
        """
        kept = self._opened(cookies.get(COOKIE, ""))
        name = _name(kept)
        self._ended.add(name)
        await self._table.end(name, kept["until"], self._clock.now_ms())

    def open(self, tenant: str, credential: str) -> str:
        """Return the cookie for a key of a tenant, or for a token.

        Raises:
            Unauthorized: The credential does not count.
            TokenTooLong: The cookie would not be kept by browsers.
        """
        kept: dict[str, Any] = {
            "until": self._clock.now_ms() + self.lifetime_s * 1_000,
            "csrf": secrets.token_urlsafe(24),
        }
        if credential.startswith("sk_"):
            kept |= {"prefix": prefix_of(credential), "hash": hash_of(credential).hex()}
            kept["tenant"] = tenant
        else:
            kept["token"] = credential
        self._caller(kept)
        sealed = self._keyring.seal(_KIND, "", "", json.dumps(kept))
        cookie = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
        if len(cookie) > _LONGEST_COOKIE:
            raise TokenTooLong
        return cookie

    def of(self, method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Session:
        """Return who is asking: by key or token if there is one, else by session.

        Raises `Unauthorized`.
        """
        cookie = cookies.get(COOKIE)
        if cookie is None or "x-api-key" in headers or "authorization" in headers:
            return Session(self._authenticator.authenticate(headers))
        kept = self._opened(cookie)
        caller = self._caller(kept)
        if headers.get("x-tenant-id") not in (None, caller.tenant):
            raise Unauthorized
        sent = headers.get(CSRF_HEADER, "")
        changes = method not in _SAFE
        if headers.get("sec-fetch-site") not in _HERE or (
            changes and not hmac.compare_digest(sent.encode(), kept["csrf"].encode())
        ):
            raise Unauthorized
        return Session(caller, kept["csrf"])

    def _opened(self, cookie: str) -> dict[str, Any]:
        try:
            sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            kept: dict[str, Any] = json.loads(self._keyring.open(_KIND, "", "", sealed))
        except (binascii.Error, ValueError, KeyUnusable):
            raise Unauthorized from None
        if kept["until"] <= self._clock.now_ms() or _name(kept) in self._ended:
            raise Unauthorized
        return kept

    def _caller(self, kept: Mapping[str, Any]) -> Caller:
        if "token" in kept:
            return self._authenticator.by_token(kept["token"], None)
        digest = bytes.fromhex(kept["hash"])
        return self._authenticator.by_hash(kept["prefix"], digest, kept["tenant"])


def _name(kept: Mapping[str, Any]) -> str:
    """Name a session by what no other one has, without telling it."""
    return hashlib.sha256(str(kept["csrf"]).encode()).hexdigest()[:32]
