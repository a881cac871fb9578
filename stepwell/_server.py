"""Where the server is, and who asks: what a client is made with, checked before it is used."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stepwell._errors import NoCredentials, WrongAddress

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Server:
    """The address of the server, and the headers that authenticate the caller."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


def server_of(
    url: str | None, api_key: str | None, tenant: str | None, token: str | None
) -> Server:
    """Return the server from the arguments, otherwise the environment.

    Raises `NoCredentials`, `WrongAddress`.
    """
    known = os.environ
    url = url or known.get("STEPWELL_URL") or DEFAULT_URL
    _check_address(url)
    if token is None and api_key is None:
        token, api_key = known.get("STEPWELL_TOKEN"), known.get("STEPWELL_KEY")
    if api_key:
        tenant = tenant or known.get("STEPWELL_TENANT") or "default"
        headers = {
            "x-api-key": _sendable(api_key, "key"),
            "x-tenant-id": _sendable(tenant, "tenant"),
        }
        return Server(url, headers)
    if token:
        return Server(url, {"authorization": f"Bearer {_sendable(token, 'token')}"})
    raise NoCredentials("give an API key or a token, or set STEPWELL_KEY or STEPWELL_TOKEN")


def _check_address(url: str) -> None:
    """Raise `WrongAddress` if nothing can be sent there."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise WrongAddress(
            f"the server's address {url.rpartition('@')[2]} must be such as {DEFAULT_URL}: http:// "
            "or https://, a host, and a port from 1 to 65535 (--url or STEPWELL_URL)"
        )


def _sendable(value: str, what: str) -> str:
    """Return a value that a header can carry. Raises `NoCredentials`, without the value in it."""
    if value.isascii() and value.isprintable() and " " not in value:
        return value
    raise NoCredentials(
        f"the {what} has a space, a line break or a letter that no {what} has: copy it again "
        f"(--{what} or STEPWELL_{what.upper()})"
    )
