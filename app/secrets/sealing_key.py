"""The key that seals secrets: from the settings, or from a file that is created once.

A new key is never created when the journal already has sealed values: it could not open them.
"""

import base64
import binascii
import os
import stat
from collections.abc import Collection
from pathlib import Path

from app.secrets.seal import KEY_BYTES, Keyring, KeyUnusable
from app.settings.server import Settings
from app.telemetry import log
from journal import write_whole

FILE = "secrets.key"
_MAKE = "make one with: head -c 32 /dev/urandom | base64"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_keyring(settings: Settings, sealed_with: Collection[bytes]) -> Keyring:
    """Return the keys that the settings name, or a new one if there is none.

    `sealed_with` lists the ids of the keys needed. Raises as `present_keyring`.
    """
    keyring = present_keyring(settings, sealed_with)
    if keyring is None:
        keyring = Keyring(_make(settings.data / FILE))
    return keyring


def present_keyring(settings: Settings, sealed_with: Collection[bytes]) -> Keyring | None:
    """Return the keys that the settings name; None if there is none, and none is needed.

    Raises:
        KeyUnusable: A key is missing, unsafe or invalid; the message says what to do.
    """
    file = settings.data / FILE
    older = [
        _key(item.get_secret_value(), "secrets_old_keys") for item in settings.secrets_old_keys
    ]
    if settings.secrets_key and settings.secrets_key_file:
        raise KeyUnusable("secrets_key and secrets_key_file are both set; set one of them")
    if settings.secrets_key:
        current = _key(settings.secrets_key.get_secret_value(), "secrets_key")
    elif settings.secrets_key_file:
        current = _read(settings.secrets_key_file)
    elif file.exists():
        return _checked(Keyring(_read(file), older), sealed_with)
    elif sealed_with:
        raise KeyUnusable(
            f"the journal holds {_what(sealed_with)}, and there is no key: put {file} back from "
            "your backup, or set secrets_key or secrets_key_file (STEPWELL_SECRETS_KEY, "
            "STEPWELL_SECRETS_KEY_FILE); no new key was made, since it could not open them"
        )
    else:
        return None
    if file.exists():
        older.append(_read(file))  # values sealed with the folder's own key move to the new key
    return _checked(Keyring(current, older), sealed_with)


def _checked(keyring: Keyring, sealed_with: Collection[bytes]) -> Keyring:
    missing = sorted(name for name in set(sealed_with) if not keyring.opens(name))
    if missing:
        raise KeyUnusable(
            f"the journal holds {_what(missing)}, and the key at hand is another one: set the "
            "key that sealed them, or add it to secrets_old_keys (STEPWELL_SECRETS_OLD_KEYS) "
            "and they are sealed again with the present key"
        )
    return keyring


def _what(names: Collection[bytes]) -> str:
    shown = ", ".join(sorted({name.hex() or "unknown" for name in names}))
    return f"secrets sealed with the key {shown}"


def _key(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(
            "".join(text.split()).replace("-", "+").replace("_", "/"), validate=True
        )
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyUnusable(f"{where} must be {KEY_BYTES} bytes in base64; {_MAKE}")
    return key


def _read(file: Path) -> bytes:
    try:
        # Opening a pipe would wait for a writer.
        with os.fdopen(
            os.open(file, os.O_RDONLY | os.O_NONBLOCK), encoding="ascii", errors="replace"
        ) as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise KeyUnusable(f"{file} is not a regular file; {_MAKE}")
            if mode & _OTHERS:
                raise KeyUnusable(f"others can read {file}; close it with: chmod 600 {file}")
            return _key(opened.read(1_000), str(file))
    except OSError as unreadable:
        raise KeyUnusable(f"the key file cannot be read: {unreadable}; {_MAKE}") from unreadable


def _make(file: Path) -> bytes:
    """Create a key, completely written and durable before anything is sealed with it."""
    key = os.urandom(KEY_BYTES)
    write_whole(file, base64.b64encode(key) + b"\n")
    log.secrets_key_made(str(file))
    return key
