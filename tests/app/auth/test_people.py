"""What two people do at the same moment, and what fails half-way, leaves nobody locked out or in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.assembly import open_services
from app.auth.errors import Unauthorized
from app.auth.passkeys import NewPasskey, UnfitPasskey
from app.auth.people import INVITATION, People
from app.auth.roles import Role
from app.clock import SystemClock
from app.settings.server import load

OLD, NEW = "an old password", "a new password"


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    async with open_services(load({"data": tmp_path}).settings, SystemClock()) as services:
        yield services.authenticator.people


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


async def test_a_passkey_in_use_uses_up_no_invitation_and_makes_nobody(people: People) -> None:
    passkey = NewPasskey("one", b"key", 0)
    await people.add("acme", "Ada", Role.EDITOR, passkey=passkey)
    bob = await people.add("acme", "Bob", Role.EDITOR, password=OLD)
    path, _ = await people.invite(bob)
    token = path.removeprefix(INVITATION)
    with pytest.raises(UnfitPasskey):
        await people.accept(token, passkey)
    assert (await people.by_password("acme", "Bob", OLD)).id == people.invited(token).id
    with pytest.raises(UnfitPasskey):
        await people.add("acme", "Cy", Role.OWNER, passkey=passkey)
    assert [row.name for row in people.of("acme")] == ["Ada", "Bob"]
