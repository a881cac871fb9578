"""The vault is exact after every change, and masks all values that steps may still hold."""

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from app.clock import SystemClock
from app.opening import open_secrets
from app.secrets import growing_mask, log_mask
from app.secrets.jwt_secrets import open_row, seal_row
from app.secrets.mask import Mask
from app.secrets.seal import Keyring
from app.secrets.vault import Secrets, UnfitSecret
from app.settings.server import Settings
from journal import Journal, JwtSecretRow, Unavailable, UnknownSecret
from steps.contract.step_type import StepBroke

OLD, NEW = bytes(32), bytes(range(32))


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def vault_on(journal: Journal, *keys: bytes) -> Secrets:
    vault = Secrets(journal.secrets, Keyring(keys[0], keys[1:]), SystemClock())
    await vault.load()
    return vault


async def test_a_secret_is_kept_replaced_and_deleted(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    vault = await vault_on(journal, OLD)
    first, is_new = await vault.put("acme", "KEY", "first-canary")
    second, is_new_again = await vault.put("acme", "KEY", "second-canary")
    assert (is_new, is_new_again) == (True, False)
    assert first.created_at_ms == second.created_at_ms
    assert await vault.get("acme", "KEY") == "second-canary"
    assert await (await vault_on(journal, OLD)).get("acme", "KEY") == "second-canary"
    assert await vault.mask("acme", ["first-canary", "second-canary"]) == ["***", "***"]
    await vault.delete("acme", "KEY")
    assert vault.names("acme") == []
    assert await vault.mask("acme", "second-canary") == "***"
    with pytest.raises(StepBroke, match="PUT /api/secrets/KEY"):
        await vault.get("acme", "KEY")
    with pytest.raises(UnknownSecret):
        await vault.delete("acme", "KEY")
    await journal.close()


async def test_tenants_do_not_see_secrets_of_others(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    vault = await vault_on(journal, OLD)
    await vault.put("acme", "KEY", "acme-canary")
    await vault.put("evil", "KEY", "evil-canary")
    assert await vault.get("acme", "KEY") == "acme-canary"
    assert [item.name for item in vault.names("evil")] == ["KEY"]
    assert await vault.mask("evil", "acme-canary evil-canary") == "acme-canary ***"
    assert vault.mask_text("acme-canary evil-canary") == "*** ***"
    with pytest.raises(UnknownSecret):
        await vault.delete("other", "KEY")
    await journal.close()


async def test_issued_values_are_masked_though_they_are_no_secrets(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    vault = await vault_on(journal, OLD)
    assert await vault.mask("acme", "issued-canary") == "issued-canary"
    vault.conceal("acme", "issued-canary")
    assert await vault.mask("acme", {"echo": "Bearer issued-canary"}) == {"echo": "Bearer ***"}
    assert vault.mask_text("issued-canary") == "***"
    assert await vault.mask("evil", "issued-canary") == "issued-canary"
    await journal.close()


async def test_many_secrets_are_compiled_off_the_event_loop_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = threading.get_ident()
    compiled_here: list[int] = []

    class Counted(Mask):
        def __init__(self, values: Iterable[str]) -> None:
            known = list(values)
            if threading.get_ident() == here:
                compiled_here.append(len(known))
            super().__init__(known)

    monkeypatch.setattr(growing_mask, "Mask", Counted)
    journal = await Journal.open(tmp_path)
    vault = await vault_on(journal, OLD)
    values = [f"canary-{number:03}-end" for number in range(150)]
    for number, value in enumerate(values):
        await vault.put("acme", f"KEY_{number}", value)
        assert await vault.mask("acme", f"<{value}>") == "<***>"
        assert vault.mask_text(value) == "***"
    assert max(compiled_here) <= 64, "those that came since, each with what it replaces"
    assert await vault.mask("acme", [*values]) == ["***"] * 150
    long = " ".join([*values] * 60)  # masked off the event loop
    assert await vault.mask("acme", {"long": long}) == {"long": " ".join(["***"] * 9_000)}
    again = await vault_on(journal, OLD)
    assert await again.mask("acme", [*values]) == ["***"] * 150
    monkeypatch.setattr("app.secrets.vault.MOST", 150)
    await vault.put("acme", "KEY_0", "another-canary")
    with pytest.raises(UnfitSecret, match="at most 150 secrets"):
        await vault.put("acme", "ONE_MORE", "canary")
    monkeypatch.setattr("app.secrets.vault.MOST_BYTES", 3_000)
    with pytest.raises(UnfitSecret, match=r"at most 3,000 bytes") as refused:
        await vault.put("acme", "KEY_0", "x" * 2_000)
    assert "xxx" not in str(refused.value)
    await journal.close()


async def test_the_log_is_masked_at_a_cost_in_proportion_to_what_is_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = 0

    class Counted(Mask):
        def __init__(self, values: Iterable[str]) -> None:
            nonlocal compiled
            known = list(values)
            compiled += len(known)
            super().__init__(known)

    monkeypatch.setattr(log_mask, "Mask", Counted)
    values: list[str] = []

    async def filled(count: int) -> log_mask.LogMask:
        values.clear()
        mask = log_mask.LogMask(lambda: values)
        for number in range(count):
            values.append(f"canary-{number:05}")
            mask.add(values[-1:])
            await mask.settle()
        return mask

    await filled(500)
    few, compiled = compiled, 0
    mask = await filled(2_000)
    assert compiled <= 6 * few, "and not with the square"
    inside = "canary-00003 is in this"
    mask.add([inside])
    assert mask.text(f"{values[0]} {values[-1]} {inside}!") == "*** *** ***!"
    assert mask.text("cut canary-0000") == "cut ***"
    values[:] = ["what-is-there-now"]
    mask.add([f"more-{number:05}" for number in range(1_000)])
    await mask.settle()
    assert mask.text("canary-00003 what-is-there-now") == "canary-00003 ***"


@pytest.mark.parametrize("name", ["", "1A", "a-b", "a.b", "ä", "a" * 129, "A\n"])
async def test_a_name_that_no_expression_can_use_is_refused(tmp_path: Path, name: str) -> None:
    journal = await Journal.open(tmp_path)
    vault = await vault_on(journal, OLD)
    with pytest.raises(UnfitSecret):
        await vault.put("acme", name, "canary")
    for value in ("", "x" * 65_537, "\ud800"):
        with pytest.raises(UnfitSecret) as refused:
            await vault.put("acme", "KEY", value)
        assert "xxx" not in str(refused.value)
    await journal.close()


async def test_values_sealed_by_an_older_key_are_resealed(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await (await vault_on(journal, OLD)).put("acme", "KEY", "canary")
    await vault_on(journal, NEW, OLD)
    assert await (await vault_on(journal, NEW)).get("acme", "KEY") == "canary"
    await journal.close()


async def test_the_vault_is_read_again_after_a_write_of_unknown_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(tmp_path)
    vault = await vault_on(journal, OLD)
    await vault.put("acme", "KEY", "first-canary")
    write = journal.secrets.put

    async def written_and_not_told(rows: object) -> None:
        await write(rows)  # type: ignore[arg-type] # any statement that binds rows
        raise Unavailable("test")

    monkeypatch.setattr(journal.secrets, "put", written_and_not_told)
    with pytest.raises(Unavailable):
        await vault.put("acme", "KEY", "second-canary")
    assert await vault.mask("acme", "second-canary") == "***"
    assert await vault.get("acme", "KEY") == "second-canary"
    await journal.close()


async def test_plaintext_signing_secrets_are_sealed_without_a_trace(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    clear = JwtSecretRow("kid_1", "acme", "operator", "", "HS256", "clear-canary" * 4, 1)
    public = JwtSecretRow("kid_2", "acme", "operator", "", "EdDSA", "-----BEGIN PUBLIC KEY-----", 2)
    for row in (clear, public):
        await journal.jwt_secrets.create(row)
    await journal.close()
    journal = await Journal.open(tmp_path)
    vault = await open_secrets(journal, Settings(data=tmp_path), SystemClock())
    sealed, same = await journal.jwt_secrets.all()
    assert sealed.secret.startswith("sealed:")
    assert open_row(sealed, vault.keyring) == clear
    assert same == public == seal_row(public, vault.keyring)
    await journal.close()
    assert b"clear-canary" not in bytes_in(tmp_path)
