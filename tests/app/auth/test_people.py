"""What two people do at the same moment, and what fails half-way, leaves nobody locked out or in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.assembly import open_services
from app.auth.errors import Unauthorized
from app.auth.keys import new_key
from app.auth.passkeys import NewPasskey, Passkeys
from app.auth.people import INVITATION, People
from app.auth.roles import Role
from app.auth.sessions import Browser
from app.clock import SystemClock
from app.operator.tenant_commands import perform
from app.secrets.vault import Secrets
from app.services import Services
from app.settings.server import load
from journal import PasskeyTaken, PeopleTable, PersonRow, SessionTable

OLD, NEW = "an old password", "a new password"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with open_services(load({"data": tmp_path}).settings, SystemClock()) as opened:
        yield opened


@pytest.fixture
def people(services: Services) -> People:
    return services.authenticator.people


class Slow:
    """Makes the first reading of a table wait, once it has read, until `go` is set."""

    def __init__(self, patch: pytest.MonkeyPatch, table: type, name: str = "all") -> None:
        self.has_read, self.go = asyncio.Event(), asyncio.Event()
        read = getattr(table, name)

        async def slowly(*given: Any) -> Any:
            found = await read(*given)
            if not self.has_read.is_set():
                self.has_read.set()
                await self.go.wait()
            return found

        patch.setattr(table, name, slowly)


async def test_a_password_replaced_during_its_check_does_not_sign_in(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await people.add("acme", "Ada", Role.EDITOR, password=OLD)
    path, _ = await people.invite(ada)
    fits = people.passwords.fits

    async def slowly(password: str, kept: str | None) -> bool:
        found = await fits(password, kept)
        await people.accept(path.removeprefix(INVITATION), NEW)
        return found

    monkeypatch.setattr(people.passwords, "fits", slowly)
    with pytest.raises(Unauthorized):
        await people.by_password("acme", "Ada", OLD)
    monkeypatch.undo()
    assert (await people.by_password("acme", "Ada", NEW)).id == ada.id


async def test_a_passkey_in_use_uses_up_no_invitation_and_makes_nobody(
    services: Services, people: People
) -> None:
    journal, keyring, clock = services.journal, services.secrets.keyring, SystemClock()
    elsewhere = People(journal.people, Passkeys(journal.passkeys, keyring, clock), keyring, clock)
    passkey = NewPasskey("one", b"key", 0)
    await elsewhere.add("acme", "Ada", Role.EDITOR, passkey=passkey)
    bob = await people.add("acme", "Bob", Role.EDITOR, password=OLD)
    path, _ = await people.invite(bob)
    token = path.removeprefix(INVITATION)
    with pytest.raises(PasskeyTaken):
        await people.accept(token, passkey)
    with pytest.raises(PasskeyTaken):
        await people.add("acme", "Cy", Role.OWNER, passkey=passkey)
    await people.load()
    assert (await people.by_password("acme", "Bob", OLD)).id == people.invited(token).id
    assert [row.name for row in people.of("acme")] == ["Ada", "Bob"]


async def test_a_command_that_invites_with_another_role_writes_once(
    services: Services, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await people.add("acme", "Ada", Role.EDITOR, password=OLD)
    await people.change(ada, disabled=True)
    writes, change = [], PeopleTable.change

    async def counted(table: PeopleTable, *given: Any) -> PersonRow:
        writes.append(given)
        return await change(table, *given)

    async def vault() -> Secrets:
        return services.secrets

    monkeypatch.setattr(PeopleTable, "change", counted)
    given = {"tenant": "acme", "name": "ada", "role": "viewer"}
    made = await perform(services.journal, vault, SystemClock(), "person.invite", given)
    await people.load()
    row = people.invited(made["path"].removeprefix(INVITATION))
    assert (row.role, row.disabled_at_ms, len(writes)) == ("viewer", None, 1)


async def test_somebody_disabled_while_people_are_read_stays_disabled(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await people.add("acme", "Ada", Role.EDITOR, password=OLD)
    slow = Slow(monkeypatch, PeopleTable)
    reading = asyncio.create_task(people.load())
    await slow.has_read.wait()
    await people.change(ada, disabled=True)
    slow.go.set()
    await reading
    with pytest.raises(Unauthorized):
        people.caller(ada.id)


async def test_a_key_disabled_while_keys_are_read_stays_disabled(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, row = new_key("acme", "owner", "", 1)
    await services.journal.keys.create(row)
    slow = Slow(monkeypatch, type(services.journal.keys))
    first = asyncio.create_task(services.authenticator.load())
    await slow.has_read.wait()
    await services.journal.keys.disable("acme", row.id, 2)
    second = asyncio.create_task(services.authenticator.load())
    await asyncio.sleep(0.1)
    slow.go.set()
    await asyncio.gather(first, second)
    with pytest.raises(Unauthorized):
        services.authenticator.authenticate({"x-api-key": key, "x-tenant-id": "acme"})


async def test_a_session_ended_while_sessions_are_read_stays_ended(
    services: Services, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await people.add("acme", "Ada", Role.EDITOR, password=OLD)
    cookie = await services.sessions.open_for(ada.id, "password", Browser("127.0.0.1", "test"))
    slow = Slow(monkeypatch, SessionTable)
    reading = asyncio.create_task(services.sessions.load())
    await slow.has_read.wait()
    await services.sessions.end_all(ada.id)
    slow.go.set()
    await reading
    assert services.sessions.id_of({"stepwell_session": cookie}) == ""
