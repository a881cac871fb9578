"""Sealed values open only with their key and in their context; errors say what is wrong."""

import base64
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.secrets.seal import Keyring, KeyUnusable, id_of, key_id
from app.secrets.sealing_key import FILE, open_keyring
from app.settings.server import Settings

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def text(key: bytes) -> SecretStr:
    return SecretStr(base64.b64encode(key).decode())


def test_a_value_opens_as_it_was_sealed() -> None:
    ring = Keyring(KEY)
    sealed = ring.seal("secret", "acme", "KEY", "canary")
    assert ring.open("secret", "acme", "KEY", sealed) == "canary"
    assert b"canary" not in sealed
    assert sealed != ring.seal("secret", "acme", "KEY", "canary")


@pytest.mark.parametrize(
    "where", [("secret", "evil", "KEY"), ("secret", "acme", "KEY2"), ("jwt-secret", "acme", "KEY")]
)
def test_a_value_that_was_moved_does_not_open(where: tuple[str, str, str]) -> None:
    ring = Keyring(KEY)
    with pytest.raises(KeyUnusable, match="is not what was sealed"):
        ring.open(*where, ring.seal("secret", "acme", "KEY", "canary"))


def test_every_changed_byte_is_detected() -> None:
    ring = Keyring(KEY)
    sealed = ring.seal("secret", "acme", "KEY", "canary")
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(KeyUnusable):
            ring.open("secret", "acme", "KEY", changed)
    for short in range(len(sealed)):
        with pytest.raises(KeyUnusable):
            ring.open("secret", "acme", "KEY", sealed[:short])


def test_a_wrong_key_says_so_and_an_older_one_opens() -> None:
    sealed = Keyring(OTHER).seal("secret", "acme", "KEY", "canary")
    with pytest.raises(KeyUnusable, match="sealed with another key"):
        Keyring(KEY).open("secret", "acme", "KEY", sealed)
    ring = Keyring(KEY, [OTHER])
    assert ring.open("secret", "acme", "KEY", sealed) == "canary"
    assert id_of(sealed) == key_id(OTHER)


def test_a_value_sealed_by_an_older_key_is_resealed_once() -> None:
    where = ("secret", "acme", "KEY")
    ring = Keyring(KEY, [OTHER])
    renewed = ring.renewed(*where, Keyring(OTHER).seal(*where, "canary"))
    assert renewed is not None
    assert Keyring(KEY).open(*where, renewed) == "canary"
    assert ring.renewed(*where, renewed) is None
    with pytest.raises(KeyUnusable, match="sealed with another key"):
        Keyring(KEY).renewed(*where, Keyring(OTHER).seal(*where, "canary"))


def test_the_key_file_is_created_once_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    sealed = open_keyring(settings, ()).seal("secret", "acme", "KEY", "canary")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == [FILE]
    again = open_keyring(settings, {id_of(sealed)})
    assert again.open("secret", "acme", "KEY", sealed) == "canary"


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    open_keyring(settings, ())
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(KeyUnusable, match=f"chmod 600 {tmp_path / FILE}"):
        open_keyring(settings, ())


@pytest.mark.parametrize("content", ["", "short", base64.b64encode(bytes(31)).decode()])
def test_an_invalid_key_file_is_refused_and_left_unchanged(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(KeyUnusable, match="must be 32 bytes in base64"):
        open_keyring(Settings(data=tmp_path), ())
    assert (tmp_path / FILE).read_text() == content
    with pytest.raises(KeyUnusable, match="secrets_key must be"):
        open_keyring(Settings(data=tmp_path, secrets_key=SecretStr(content or "x")), ())


def test_no_key_is_created_where_sealed_values_exist(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="STEPWELL_SECRETS_KEY"):
        open_keyring(Settings(data=tmp_path), {key_id(KEY)})
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key_is_refused_unless_an_older_one_opens(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="secrets_old_keys"):
        open_keyring(Settings(data=tmp_path, secrets_key=text(KEY)), {key_id(OTHER)})
    settings = Settings(data=tmp_path, secrets_key=text(KEY), secrets_old_keys=[text(OTHER)])
    assert open_keyring(settings, {key_id(OTHER)}).opens(key_id(OTHER))


def test_a_key_in_the_settings_replaces_the_one_of_the_folder(tmp_path: Path) -> None:
    sealed = open_keyring(Settings(data=tmp_path), ()).seal("secret", "acme", "KEY", "canary")
    ring = open_keyring(Settings(data=tmp_path, secrets_key=text(KEY)), {id_of(sealed)})
    assert ring.open("secret", "acme", "KEY", sealed) == "canary"
    assert id_of(sealed) != key_id(KEY)


def test_a_key_file_is_named_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere"
    with pytest.raises(KeyUnusable, match="cannot be read"):
        open_keyring(Settings(data=tmp_path, secrets_key_file=file), ())
    file.write_text(text(KEY).get_secret_value() + "\n")
    file.chmod(0o600)
    ring = open_keyring(Settings(data=tmp_path, secrets_key_file=file), ())
    assert ring.opens(key_id(KEY))
    assert not (tmp_path / FILE).exists()
    with pytest.raises(KeyUnusable, match="both"):
        open_keyring(Settings(data=tmp_path, secrets_key=text(KEY), secrets_key_file=file), ())
