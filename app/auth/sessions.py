"""Sessions of browsers: a sealed cookie that names the credential it was opened with.

The credential is checked at every request, so a session ends when its key, its token or its person
does; it also ends when its row in the journal is removed. A browser sends the cookie without being
asked, so a request that changes something must also send the session's own secret in a header,
which no other site can do.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

from app.auth.caller import Caller
from app.auth.callers import Authenticator
from app.auth.errors import Unauthorized
from app.auth.keys import hash_of, prefix_of
from app.auth.sealed_token import LinkUnusable, sealed_values, token_of
from app.clock import Clock
from app.concurrency.first_come import ChangeCount
from app.secrets.seal import Keyring
from engine.value import value
from journal import ChangeNote, SessionRow, SessionTable, UnknownSession, changing

COOKIE = "stepwell_session"
CSRF_HEADER = "x-csrf-token"
_KIND = "session"
_LONGEST_COOKIE = 3_800
_LONGEST_SHOWN = 200
_MOST_OF_ONE = 100
"""Open sessions that one credential may have; the oldest is ended when one more is opened."""

_SAFE = ("GET", "HEAD")
_HERE = (None, "same-origin", "none")


class TokenTooLong(Exception):
    """The token does not fit into a cookie."""

    def __init__(self) -> None:
        super().__init__("this token is too long for a browser's cookie; sign in with a key")


@value(frozen=True, slots=True)
class Session:
    """The caller, and the secret that a browser must send with every change."""

    caller: Caller
    csrf: str = ""


@value(frozen=True, slots=True)
class Browser:
    """Where a session is opened: the client's address, and what the browser says of itself."""

    address: str
    name: str


class Sessions:
    """Opens sessions, and finds the caller of a request by key, token or session."""

    def __init__(
        self,
        authenticator: Authenticator,
        table: SessionTable,
        keyring: Keyring,
        clock: Clock,
        lifetime_s: int,
    ) -> None:
        self._authenticator = authenticator
        self._table = table
        self._open: dict[str, SessionRow] = {}
        self._changes = ChangeCount()
        self._keyring = keyring
        self._clock = clock
        self.lifetime_s = lifetime_s

    async def load(self) -> None:
        """Read the open sessions from the journal."""
        read = partial(self._table.all, self._clock.now_ms())
        rows = await self._changes.read_whole(read)
        self._open = {row.id: row for row in rows}

    def of_tenant(self, tenant: str) -> list[SessionRow]:
        """Return the open sessions of a tenant, newest first."""
        now_ms = self._clock.now_ms()
        found = [
            row for row in self._open.values() if row.tenant == tenant and row.until_ms > now_ms
        ]
        return found[::-1]

    def id_of(self, cookies: Mapping[str, str]) -> str:
        """Return the id of a browser's session; empty if it has none."""
        try:
            return _name(self._opened(cookies.get(COOKIE, "")))
        except Unauthorized:
            return ""

    async def end(self, cookies: Mapping[str, str]) -> None:
        """End the session of a browser, durable when this returns; its cookie stops working.

        Raises `Unauthorized` if there is none.
        """
        await self._end([_name(self._opened(cookies.get(COOKIE, "")))])

    async def end_one(self, tenant: str, session_id: str) -> None:
        """End a session of a tenant. Raises `UnknownSession`."""
        row = self._open.get(session_id)
        if row is None or row.tenant != tenant:
            raise UnknownSession(session_id)
        await self._end([session_id])

    async def end_all(self, credential: str) -> None:
        """End every session of a person or a key."""
        if ended := [row.id for row in self._open.values() if row.credential == credential]:
            await self._end(ended)

    async def end_every(self) -> None:
        """End the sessions of all tenants."""
        await self._end([*self._open])

    async def _end(self, ids: list[str]) -> None:
        self._forget(ids)
        await self._table.remove(ids)
        self._forget(ids)  # they may have been read again meanwhile

    def _forget(self, ids: list[str]) -> None:
        self._changes.add()
        for one in ids:
            self._open.pop(one, None)

    async def open(self, tenant: str, credential: str, browser: Browser) -> str:
        """Return the cookie for a key of a tenant, or for a token; durable when this returns.

        Raises:
            Unauthorized: The credential is not valid.
            TokenTooLong: Browsers would not keep the cookie.
        """
        if credential.startswith("sk_"):
            digest = hash_of(credential).hex()
            named = {"prefix": prefix_of(credential), "hash": digest, "tenant": tenant}
            return await self._opened_for(named, "key", browser)
        return await self._opened_for({"token": credential}, "token", browser)

    async def open_for(self, person_id: str, kind: str, browser: Browser) -> str:
        """Return the cookie for a person who has signed in; durable when this returns.

        Raises `Unauthorized` if the person may not sign in.
        """
        return await self._opened_for({"person": person_id}, kind, browser)

    async def _opened_for(self, named: Mapping[str, str], kind: str, browser: Browser) -> str:
        now_ms = self._clock.now_ms()
        until_ms = now_ms + self.lifetime_s * 1_000
        kept = {"until": until_ms, "csrf": secrets.token_urlsafe(24), **named}
        caller = self._caller(kept)
        sealed = self._keyring.seal(_KIND, "", "", json.dumps(kept))
        cookie = token_of(sealed)
        if len(cookie) > _LONGEST_COOKIE:
            raise TokenTooLong
        row = SessionRow(
            _name(kept), caller.tenant, caller.name, kind, caller.credential,
            _printable(browser.address), _printable(browser.name), now_ms, until_ms,
        )  # fmt: skip
        with changing(ChangeNote(row.tenant, now_ms, row.who, "signIn", f"/sign-in/{kind}")):
            await self._table.add(row)
        self._open = {name: one for name, one in self._open.items() if one.until_ms > now_ms}
        self._open[row.id] = row
        self._changes.add()
        same = [one.id for one in self._open.values() if one.credential == caller.credential]
        if len(same) > _MOST_OF_ONE:
            await self._end(same[: len(same) - _MOST_OF_ONE])
        return cookie

    def of(self, method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Session:
        """Return the caller: by key or token if one is sent, otherwise by session.

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
            kept: dict[str, Any] = sealed_values(self._keyring, _KIND, cookie)
        except LinkUnusable:
            raise Unauthorized from None
        if kept["until"] <= self._clock.now_ms() or _name(kept) not in self._open:
            raise Unauthorized
        return kept

    def _caller(self, kept: Mapping[str, Any]) -> Caller:
        if "person" in kept:
            return self._authenticator.people.caller(kept["person"])
        if "token" in kept:
            return self._authenticator.by_token(kept["token"], None)
        digest = bytes.fromhex(kept["hash"])
        return self._authenticator.by_hash(kept["prefix"], digest, kept["tenant"])


def _name(kept: Mapping[str, Any]) -> str:
    """Return a name for a session that is unique and does not reveal the session."""
    return hashlib.sha256(str(kept["csrf"]).encode()).hexdigest()[:32]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:_LONGEST_SHOWN])
