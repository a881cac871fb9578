"""Passkeys: people sign in with a key that never leaves their device (WebAuthn Level 2, W3C).

A challenge is sealed and sent to the browser, so the server stores nothing for visitors who only
load the page. A challenge is valid for five minutes and works once.
"""

import base64
import json
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from types import ModuleType
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from app.auth.errors import Unauthorized
from app.auth.sealed_token import LinkUnusable, sealed_values, token_of
from app.clock import Clock
from app.concurrency.first_come import ChangeCount
from app.concurrency.in_thread import in_thread
from app.secrets.seal import Keyring
from app.settings.extras import extra
from engine.value import value
from journal import PasskeyRow, PasskeyTable, PersonRow, UnknownPasskey

Purpose: TypeAlias = Literal["new", "sign-in"]

LONGEST_NAME = 100
MOST_OF_ONE = 20
_KIND = "passkey"
_LASTS_MS = 300_000
_LONGEST_SENT = 8_192


class UnfitPasskey(Exception):
    """What the browser has sent is not a passkey that can be kept, or it came too late."""


@value(frozen=True, slots=True)
class Site:
    """The address that the browser shows: a passkey is valid for its host only.

    Attributes:
        origin: Scheme, host and port, such as `https://flows.example`.
    """

    origin: str

    @property
    def host(self) -> str:
        """The host name that a passkey is bound to. Raises `UnfitPasskey` for an IP address."""
        host = urlsplit(self.origin).hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return host
        raise UnfitPasskey(
            "a passkey needs an address with a host name, such as localhost, not an IP address"
        )


@value(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was checked and belongs to nobody yet."""

    id: str
    public_key: bytes
    uses: int


class Passkeys:
    """The passkeys of all people, in memory; every change goes through here."""

    def __init__(self, table: PasskeyTable, keyring: Keyring, clock: Clock) -> None:
        self._table = table
        self._keyring = keyring
        self._clock = clock
        self._by_id: dict[str, PasskeyRow] = {}
        self._by_person: dict[str, dict[str, PasskeyRow]] = {}
        self._spent: dict[str, int] = {}
        self._changes = ChangeCount()

    async def load(self) -> None:
        """Read all passkeys from the journal."""
        rows = await self._changes.read_whole(self._table.all)
        self._by_id, self._by_person = {}, {}
        for row in rows:
            self._know(row)

    @property
    def people(self) -> Collection[str]:
        """The ids of all people who have a passkey."""
        return self._by_person.keys()

    def of(self, person_id: str) -> list[PasskeyRow]:
        """Return a person's passkeys, oldest first."""
        return list(self._by_person.get(person_id, {}).values())

    async def challenge(self, purpose: Purpose, site: Site, name: str = "") -> dict[str, Any]:
        """Return the options for the browser to make or use a passkey, and the sealed challenge.

        Args:
            purpose: Whether a passkey is made or used.
            site: The address that the browser shows.
            name: The person a new passkey is for, as the device shows them.

        Raises:
            UnfitPasskey: The address of the server is an IP address.
            ExtraMissing: The library is not installed.
        """
        host = site.host
        return await in_thread(lambda: self._challenge(purpose, host, name))

    def _challenge(self, purpose: Purpose, host: str, name: str) -> dict[str, Any]:
        library = _library()
        shown = name[:LONGEST_NAME]
        drawn, options = library.to_make(host, shown) if purpose == "new" else library.to_use(host)
        until_ms = self._clock.now_ms() + _LASTS_MS
        values = [purpose, base64.b64encode(drawn).decode(), until_ms]
        sealed = self._keyring.seal(_KIND, "", "", json.dumps(values))
        return {"options": options, "challenge": token_of(sealed)}

    async def made(self, site: Site, challenge: str, sent: str) -> NewPasskey:
        """Check a passkey that a browser has made. Raises `UnfitPasskey`."""
        expected = self._taken("new", challenge)
        document = _document(sent)
        return await in_thread(lambda: _registered(site, expected, document))

    async def add(self, person: PersonRow, made: NewPasskey, name: str) -> PasskeyRow:
        """Store a passkey for a person; durable when this returns.

        Raises:
            UnfitPasskey: The person has as many as are allowed.
            PasskeyTaken: It is somebody's already.
        """
        if len(self.of(person.id)) >= MOST_OF_ONE:
            raise UnfitPasskey(f"a person has {MOST_OF_ONE} passkeys at most; remove one first")
        row = self.row_of(person, made, name)
        await self._table.add(row)
        self._know(row)
        return row

    def row_of(self, person: PersonRow, made: NewPasskey, name: str = "") -> PasskeyRow:
        """Return a passkey as it is stored for a person."""
        return PasskeyRow(
            made.id, person.tenant, person.id, _shown(name), made.public_key, made.uses,
            self._clock.now_ms(),
        )  # fmt: skip

    def replaced(self, person_id: str, row: PasskeyRow | None) -> None:
        """Keep in mind that a person now has this passkey only, or none."""
        for old in self.of(person_id):
            self._forget(old)
        if row is not None:
            self._know(row)

    async def remove(self, person_id: str, passkey_id: str) -> None:
        """Remove a passkey of a person. Raises `UnknownPasskey`."""
        row = self._by_id.get(passkey_id)
        if row is None or row.person != person_id:
            raise UnknownPasskey(passkey_id)
        await self._table.remove(passkey_id)
        self._forget(row)

    async def signs_in(self, site: Site, challenge: str, sent: str) -> PasskeyRow:
        """Return the passkey that somebody signs in with. Raises `Unauthorized`."""
        try:
            expected, document = self._taken("sign-in", challenge), _document(sent)
            row = self._by_id.get(str(document.get("id")))
            if row is None:
                raise Unauthorized
            uses = await in_thread(partial(_used, site, expected, document, row))
        except UnfitPasskey:
            raise Unauthorized from None
        now = replace(row, uses=uses, used_at_ms=self._clock.now_ms())
        try:
            await self._table.used(now)
        except UnknownPasskey:
            raise Unauthorized from None
        self._know(now)
        return now

    def _know(self, row: PasskeyRow) -> None:
        self._by_id[row.id] = row
        self._by_person.setdefault(row.person, {})[row.id] = row
        self._changes.add()

    def _forget(self, row: PasskeyRow) -> None:
        self._changes.add()
        if self._by_id.pop(row.id, None) is not None:
            of_person = self._by_person[row.person]
            del of_person[row.id]
            if not of_person:
                del self._by_person[row.person]

    def _taken(self, purpose: Purpose, challenge: str) -> bytes:
        """Return the value of a sealed challenge and use it up. Raises `UnfitPasskey`."""
        try:
            given_for, expected, until_ms = sealed_values(self._keyring, _KIND, challenge)
        except LinkUnusable:
            raise UnfitPasskey("the page is too old; load it again") from None
        now_ms = self._clock.now_ms()
        if until_ms <= now_ms or expected in self._spent or given_for != purpose:
            raise UnfitPasskey("the time to use the passkey is over; try again")
        while self._spent and self._spent[oldest := next(iter(self._spent))] <= now_ms:
            del self._spent[oldest]
        self._spent[expected] = until_ms
        return base64.b64decode(expected)


def _library() -> ModuleType:
    """Return the library, loaded when first used. Raises `ExtraMissing`."""
    with extra("passkeys", "signing in with a passkey"):
        from app.auth import webauthn_library  # noqa: PLC0415 - loaded only if used

        return webauthn_library


def _registered(site: Site, challenge: bytes, document: dict[str, Any]) -> NewPasskey:
    library = _library()
    try:
        return NewPasskey(*library.made(site.host, site.origin, challenge, document))
    except library.WRONG as wrong:
        raise UnfitPasskey("that passkey does not fit this page; try again") from wrong


def _used(site: Site, challenge: bytes, document: dict[str, Any], row: PasskeyRow) -> int:
    library = _library()
    try:
        uses: int = library.used(
            site.host, site.origin, challenge, document, public_key=row.public_key, uses=row.uses
        )
    except library.WRONG as wrong:
        raise UnfitPasskey("that passkey is not valid") from wrong
    return uses


def _document(sent: str) -> dict[str, Any]:
    if len(sent) > _LONGEST_SENT:
        raise UnfitPasskey("that is not a passkey")
    try:
        document = json.loads(sent)
    except (ValueError, RecursionError):
        raise UnfitPasskey("that is not a passkey") from None
    if not isinstance(document, dict):
        raise UnfitPasskey("that is not a passkey")
    return document


def _shown(name: str) -> str:
    visible = "".join(letter for letter in name if letter.isprintable())
    return " ".join(visible.split())[:LONGEST_NAME] or "Passkey"
