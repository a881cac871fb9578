"""People: who they are, how they sign in, and the invitations they join with."""

import hashlib
import json
import re
import secrets
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from app.auth.caller import Caller
from app.auth.errors import Unauthorized
from app.auth.passkeys import NewPasskey, Passkeys, UnfitPasskey
from app.auth.passwords import Passwords, must_be_fit
from app.auth.roles import Role
from app.auth.sealed_token import LinkUnusable, sealed_values, token_of
from app.clock import Clock
from app.concurrency.first_come import ChangeCount
from app.secrets.seal import Keyring
from engine import JsonObject
from engine.value import value
from journal import (
    ChangeNote,
    PasskeyRow,
    PeopleTable,
    PersonRow,
    UnknownPasskey,
    UnknownPerson,
    changing,
)

INVITATION = "/invitation/"
INVITED_FOR_MS = 7 * 86_400_000
LONGEST_NAME = 100
MOST_GROUPS = 50
MOST_PEOPLE = 10_000
_KIND = "invitation"
_GROUP = re.compile(r"[^\s,][^,]{0,99}")


class UnfitPerson(Exception):
    """A name or a group is not allowed for a person.

    Attributes:
        field: Which of the two.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@value(frozen=True, slots=True)
class Known:
    """A person as an identity provider identifies and describes them."""

    tenant: str
    subject: str
    name: str
    role: Role
    groups: tuple[str, ...]


class People:
    """The people of all tenants, in memory; every change goes through here."""

    def __init__(
        self, table: PeopleTable, passkeys: Passkeys, keyring: Keyring, clock: Clock
    ) -> None:
        self._table = table
        self.passkeys = passkeys
        self._keyring = keyring
        self._clock = clock
        self._by_id: dict[str, PersonRow] = {}
        self._changes = ChangeCount()
        self.passwords = Passwords()

    async def load(self) -> None:
        """Read all people from the journal."""
        rows = await self._changes.read_whole(self._table.all)
        self._by_id = {row.id: row for row in rows}
        await self.passkeys.load()

    def of(self, tenant: str) -> list[PersonRow]:
        """Return the people of a tenant, by name."""
        found = [row for row in self._by_id.values() if row.tenant == tenant]
        return sorted(found, key=lambda row: row.name.casefold())

    def get(self, tenant: str, person_id: str) -> PersonRow:
        """Return a person. Raises `UnknownPerson`."""
        row = self._by_id.get(person_id)
        if row is None or row.tenant != tenant:
            raise UnknownPerson(person_id)
        return row

    @property
    def is_anybody(self) -> bool:
        """Whether anybody can sign in with a password or a passkey."""
        return bool(self.passkeys.people) or any(
            row.password is not None for row in self._by_id.values()
        )

    @property
    def has_owner(self) -> bool:
        """Whether there is an owner who can sign in."""
        with_passkey = self.passkeys.people
        return any(
            row.role == Role.OWNER and row.disabled_at_ms is None
            and (row.password is not None or row.subject is not None or row.id in with_passkey)
            for row in self._by_id.values()
        )  # fmt: skip

    def is_disabled(self, tenant: str, subject: str) -> bool:
        """Return whether a person whom a provider knows was disabled here."""
        return any(
            row.subject == subject and row.tenant == tenant and row.disabled_at_ms is not None
            for row in self._by_id.values()
        )

    def caller(self, person_id: str) -> Caller:
        """Return a person as a caller. Raises `Unauthorized` if they may not sign in."""
        row = self._by_id.get(person_id)
        if row is None or row.disabled_at_ms is not None:
            raise Unauthorized
        groups: list[str] = json.loads(row.groups)
        context: JsonObject = {"groups": [*groups]} if groups else {}
        return Caller(row.tenant, Role(row.role), f"person:{row.name}", context, row.id)

    async def add(  # noqa: PLR0913 - who it is, and how they sign in
        self,
        tenant: str,
        name: str,
        role: Role,
        groups: Sequence[str] = (),
        password: str | None = None,
        passkey: NewPasskey | None = None,
    ) -> PersonRow:
        """Make a person. Raises `UnfitPerson`, `UnfitPassword`, `PasskeyTaken`, `NameTaken`."""
        name = fit_name(name)
        kept = None
        if password is not None:
            must_be_fit(password, name)
            kept = await self.passwords.hashed(password)
        row = self._new(tenant, name, role, groups, password=kept)
        passkey_row = self.passkeys.row_of(row, passkey) if passkey is not None else None
        await self._table.add(row, passkey_row)
        self.passkeys.replaced(row.id, passkey_row)
        return self._known_now(row)

    async def add_invited(
        self, tenant: str, name: str, role: Role, groups: Sequence[str] = ()
    ) -> tuple[PersonRow, str, int]:
        """Make a person with an invitation; return them, its path, and when it expires.

        Raises `UnfitPerson`, `NameTaken`.
        """
        nonce = secrets.token_urlsafe(16)
        new = self._new(tenant, fit_name(name), role, groups)
        row = replace(new, invitation=_hash(nonce))
        await self._table.add(row)
        return self._known_now(row), *self._invitation(row, nonce)

    async def known(self, known: Known) -> PersonRow:
        """Return the person whom a provider describes, updated; make them if they are new.

        Raises `Unauthorized` for a person who was disabled here.
        """
        now_ms = self._clock.now_ms()
        found = next(
            (
                row for row in self._by_id.values()
                if row.tenant == known.tenant and row.subject == known.subject
            ),
            None,
        )  # fmt: skip
        if found is None:
            taken = {row.name.casefold() for row in self.of(known.tenant)}
            name = fit_name(known.name)
            if name.casefold() in taken:  # somebody who signs in another way
                mark = hashlib.sha256(known.subject.encode()).hexdigest()[:6]
                name = f"{name[: LONGEST_NAME - 9]} ({mark})"
            new = self._new(known.tenant, name, known.role, known.groups, subject=known.subject)
            new = replace(new, signed_in_at_ms=now_ms)
            with changing(self._note(new, "createPerson")):
                await self._table.add(new)
            return self._known_now(new)
        if found.disabled_at_ms is not None:
            raise Unauthorized
        groups = _listed(known.groups)
        now = partial(replace, role=known.role.value, groups=groups, signed_in_at_ms=now_ms)
        if (known.role.value, groups) == (found.role, found.groups):
            return await self._changed(found, now)
        with changing(self._note(found, "updatePerson")):
            return await self._changed(found, now)

    async def change(
        self,
        row: PersonRow,
        *,
        by: Caller | None = None,
        role: Role | None = None,
        groups: Sequence[str] | None = None,
        disabled: bool | None = None,
    ) -> PersonRow:
        """Change the fields that are given.

        Raises `UnfitPerson`, and `Forbidden` if the person may do more than the caller `by`.
        """
        listed = None if groups is None else _listed(groups)
        now_ms = self._clock.now_ms()

        def edit(kept: PersonRow) -> PersonRow:
            _must_be_within_reach(kept, by)
            disabled_at_ms = kept.disabled_at_ms
            if disabled is not None:
                disabled_at_ms = (disabled_at_ms or now_ms) if disabled else None
            return replace(
                kept,
                role=kept.role if role is None else role.value,
                groups=kept.groups if listed is None else listed,
                disabled_at_ms=disabled_at_ms,
            )

        return await self._changed(row, edit)

    async def by_password(self, tenant: str, name: str, password: str) -> PersonRow:
        """Return who signs in. Raises `Unauthorized`; all causes take the same time."""
        wanted = plain_name(name).casefold()
        row = next((one for one in self.of(tenant) if one.name.casefold() == wanted), None)
        fits = await self.passwords.fits(password, row.password if row else None)
        now = self._by_id.get(row.id) if row else None
        if row is None or now is None or not fits or now.disabled_at_ms is not None:
            raise Unauthorized
        if now.password != row.password:  # it was replaced during the check
            raise Unauthorized
        return now

    async def signed_in(self, row: PersonRow) -> None:
        """Record that somebody has signed in."""
        await self._changed(row, partial(replace, signed_in_at_ms=self._clock.now_ms()))

    async def invite(
        self,
        row: PersonRow,
        by: Caller | None = None,
        change: Callable[[PersonRow], PersonRow] = lambda kept: kept,
    ) -> tuple[str, int]:
        """Return the path of a new invitation, and when it expires; older ones become invalid.

        `change` may change the person too. Raises `Forbidden` if they may do more than the caller.
        """
        nonce = secrets.token_urlsafe(16)

        def edit(kept: PersonRow) -> PersonRow:
            _must_be_within_reach(kept, by)
            return replace(change(kept), invitation=_hash(nonce))

        return self._invitation(await self._changed(row, edit), nonce)

    def _invitation(self, row: PersonRow, nonce: str) -> tuple[str, int]:
        until_ms = self._clock.now_ms() + INVITED_FOR_MS
        values = [row.tenant, row.id, nonce, until_ms]
        sealed = self._keyring.seal(_KIND, "", "", json.dumps(values))
        return f"{INVITATION}{token_of(sealed)}", until_ms

    def invited(self, token: str) -> PersonRow:
        """Return the person an invitation is for. Raises `LinkUnusable`."""
        tenant, person_id, nonce, until_ms = sealed_values(self._keyring, _KIND, token)
        try:
            row = self.get(tenant, person_id)
        except UnknownPerson:
            raise LinkUnusable from None
        is_open = row.invitation == _hash(nonce) and row.disabled_at_ms is None
        if not is_open or until_ms <= self._clock.now_ms():
            raise LinkUnusable
        return row

    def by_passkey(self, passkey: PasskeyRow) -> PersonRow:
        """Return the person a passkey signs in. Raises `Unauthorized` if they may not sign in."""
        row = self._by_id.get(passkey.person)
        if row is None or row.disabled_at_ms is not None:
            raise Unauthorized
        return row

    async def add_passkey(self, person_id: str, made: NewPasskey, name: str) -> PasskeyRow:
        """Add a passkey to a person. Raises `UnfitPasskey`, `PasskeyTaken`."""
        if (row := self._by_id.get(person_id)) is None:
            raise UnfitPasskey("passkeys are for people; a key or a token has none")
        with changing(self._note(row, "createPasskey")):
            return await self.passkeys.add(row, made, name)

    async def remove_passkey(self, person_id: str, passkey_id: str) -> None:
        """Remove a passkey from a person. Raises `UnknownPasskey`."""
        if (row := self._by_id.get(person_id)) is None:
            raise UnknownPasskey(passkey_id)
        with changing(self._note(row, "deletePasskey")):
            await self.passkeys.remove(row.id, passkey_id)

    async def accept(self, token: str, way: str | NewPasskey) -> PersonRow:
        """Give the invited person a password or a passkey, in place of those they had.

        Their sessions end. Raises `LinkUnusable`, `UnfitPassword`, `PasskeyTaken`.
        """
        row = self.invited(token)
        password = passkey = None
        if isinstance(way, NewPasskey):
            passkey = self.passkeys.row_of(row, way)
        else:
            must_be_fit(way, row.name)
            password = await self.passwords.hashed(way)
        accepted = partial(_accepted, row.invitation, password)
        with changing(self._note(row, "acceptInvitation")):
            changed = await self._table.replace_sign_in(row.tenant, row.id, accepted, passkey)
        self.passkeys.replaced(row.id, passkey)
        return self._known_now(changed)

    def _new(  # noqa: PLR0913 - a row
        self,
        tenant: str,
        name: str,
        role: Role,
        groups: Sequence[str],
        password: str | None = None,
        subject: str | None = None,
    ) -> PersonRow:
        if len(self.of(tenant)) >= MOST_PEOPLE:
            raise UnfitPerson("name", f"a tenant has {MOST_PEOPLE:,} people at most")
        listed = _listed(groups)
        return PersonRow(
            f"person_{uuid.uuid4().hex[:16]}", tenant, name, role.value, listed, password, subject,
            None, self._clock.now_ms(),
        )  # fmt: skip

    def _note(self, row: PersonRow, action: str) -> ChangeNote:
        """Return the audit log's note of what somebody changes about themselves."""
        target = f"/api/people/{row.id}"
        return ChangeNote(row.tenant, self._clock.now_ms(), f"person:{row.name}", action, target)

    async def _changed(self, row: PersonRow, edit: Callable[[PersonRow], PersonRow]) -> PersonRow:
        return self._known_now(await self._table.change(row.tenant, row.id, edit))

    def _known_now(self, row: PersonRow) -> PersonRow:
        self._by_id[row.id] = row
        self._changes.add()
        return row


def _must_be_within_reach(row: PersonRow, by: Caller | None) -> None:
    """Raise `Forbidden` if a person may do more than the caller who changes them; None may all."""
    if by is not None:
        by.require(Role(row.role))


def _accepted(invitation: str | None, password: str | None, kept: PersonRow) -> PersonRow:
    """Return the person once they have accepted.

    If an invitation is accepted twice at once, even at two processes, one of the two wins.
    """
    if kept.invitation != invitation or kept.disabled_at_ms is not None:
        raise LinkUnusable
    return replace(kept, password=password, invitation=None)


def plain_name(name: str) -> str:
    """Return a name as names are compared: one form of each letter, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def fit_name(name: str) -> str:
    """Return a name in the form in which it is stored. Raises `UnfitPerson`."""
    plain = plain_name(name)
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        message = f"a name has 1 to {LONGEST_NAME} visible characters"
        raise UnfitPerson("name", message)
    return plain


def fit_groups(groups: Sequence[str]) -> list[str]:
    """Return groups as they are stored: sorted, without repeats. Raises `UnfitPerson`."""
    found = sorted({plain_name(group) for group in groups})
    if len(found) > MOST_GROUPS:
        raise UnfitPerson("groups", f"a person is in {MOST_GROUPS} groups at most")
    for group in found:
        if not _GROUP.fullmatch(group) or not group.isprintable():
            message = "a group has 1 to 100 visible characters, and no comma"
            raise UnfitPerson("groups", message)
    return found


def _listed(groups: Sequence[str]) -> str:
    return json.dumps(fit_groups(groups), ensure_ascii=False)


def _hash(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()
