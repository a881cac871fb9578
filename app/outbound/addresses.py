"""Reads the address of a request strictly: unusual addresses are refused with a clear message."""

import re
from collections.abc import Sequence
from urllib.parse import urlencode

import httpx2

_PORTS = {"http": 80, "https": 443}
_HIGHEST_PORT = 65_535
_AUTHORITY = re.compile(r"[^:/?#]*://([^/?#]*)")


class InvalidAddress(Exception):
    """A text is not an address that a request can be sent to; says why, without the text."""


def address_of(text: str, query: Sequence[tuple[str, str]] = ()) -> httpx2.URL:
    """Return a text as an address, with `query` appended to its own query.

    Raises:
        InvalidAddress: HTTP cannot reach it.
    """
    authority = _AUTHORITY.match(text)
    if authority is not None:
        _check_authority(authority[1])
    try:
        url = checked(httpx2.URL(text))
        if query:
            both = filter(None, (url.query.removesuffix(b"&"), urlencode(query).encode()))
            url = url.copy_with(query=b"&".join(both))
    except (httpx2.InvalidURL, ValueError, TypeError) as odd:
        raise InvalidAddress(_why(odd)) from odd
    return url


def _check_authority(authority: str) -> None:
    if "\\" in authority:
        # Browsers end the host at a backslash, other programs do not.
        raise InvalidAddress("it has a backslash before its path")
    server = authority.rpartition("@")[2]
    if server.count("[") != server.count("]"):
        raise InvalidAddress("its IPv6 address must be in brackets")
    port = "" if server.endswith("]") else server.rpartition(":")[2]
    if port.isdecimal() and not port.isascii():  # `int` accepts the digits of every script
        raise InvalidAddress(f"its port must be a number from 1 to {_HIGHEST_PORT}")


def checked(url: httpx2.URL) -> httpx2.URL:
    """Return the address if HTTP can reach it. Raises `InvalidAddress`."""
    if url.scheme not in _PORTS or not url.raw_host:
        raise InvalidAddress("it must begin with http:// or https:// and name a host")
    if url.port is not None and not 0 < url.port <= _HIGHEST_PORT:
        raise InvalidAddress(f"its port must be a number from 1 to {_HIGHEST_PORT}")
    if b"%" in url.raw_host:
        raise InvalidAddress("its host has a blank or a percent sign; IPv6 zones are not supported")
    try:
        url.host  # noqa: B018 - decoded by others later, which fails for some
    except ValueError as odd:
        raise InvalidAddress("its host is not a valid international name") from odd
    return url


def host_of(url: httpx2.URL) -> str:
    """Return the host in the form in which it is looked up."""
    return url.raw_host.decode("ascii", "replace")


def origin_of(url: httpx2.URL) -> tuple[str, str, int]:
    """Return scheme, host and port of an address that was checked."""
    return url.scheme, host_of(url).lower(), url.port or _PORTS[url.scheme]


def _why(odd: Exception) -> str:
    words = str(odd)
    if "port" in words.lower():  # not quoted: it may be part of a password
        return f"its port must be a number from 1 to {_HIGHEST_PORT}"
    return words
