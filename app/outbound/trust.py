"""The certificates that outgoing connections trust: the public ones, and a company's own."""

import ssl
import tempfile
from pathlib import Path
from typing import IO

import certifi

from app.settings.server import SettingsError


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Return the trusted certificates for outgoing connections.

    `ca_file` holds certificates (PEM) to add.

    Raises:
        SettingsError: The file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    add_to(context, ca_file)
    return context


def add_to(context: ssl.SSLContext, ca_file: Path | None, setting: str = "ca_file") -> None:
    """Add the certificates of the file in a setting. Raises `SettingsError` as `trusted` does."""
    if ca_file is None:
        return
    try:
        context.load_verify_locations(ca_file)
    except OSError as unusable:
        why = "it holds no certificate (PEM)" if isinstance(unusable, ssl.SSLError) else unusable
        raise SettingsError(f"{setting} {ca_file} cannot be used: {why}") from unusable


def bundle(public: Path, ca_file: Path) -> IO[bytes]:
    """Return a file with the public certificates and those of `ca_file`.

    The file exists while it is open. For libraries that take a file and no context.
    """
    both = tempfile.NamedTemporaryFile(prefix="stepwell-ca-", suffix=".pem")  # noqa: SIM115
    both.write(public.read_bytes() + b"\n" + ca_file.read_bytes())
    both.flush()
    return both
