"""Reads the address of a request strictly: unusual addresses are refused with a clear message."""

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

import httpx2

_PORTS = {"http": 80, "https": 443}
_HIGHEST_PORT = 65_535
_BAD_PORT = f"its port must be a number from 1 to {_HIGHEST_PORT}"


class InvalidAddress(Exception):
    """A text is not an address that a request can be sent to; says why, without the text."""


def address_of(text: str, query: Sequence[tuple[str, str]] = ()) -> httpx2.URL:
    """Return a text as an address, with `query` appended to its own query.

    Raises:
        InvalidAddress: HTTP cannot reach it.
    """
    _check_authority(text)
    try:
        url = checked(httpx2.URL(text))
        if query:
            both = filter(None, (url.query.removesuffix(b"&"), urlencode(query).encode()))
            url = url.copy_with(query=b"&".join(both))
    except (httpx2.InvalidURL, ValueError, TypeError) as odd:
        raise InvalidAddress(_why(odd)) from odd
    return url


def _check_authority(text: str) -> None:
    """Refuse what httpx2 reads in another way than other programs. Raises `InvalidAddress`."""
    try:
        parts = urlsplit(text)
    except ValueError as odd:  # not quoted: it may be part of a password
        raise InvalidAddress("its host is not valid; IPv6 addresses are in brackets") from odd
    if "\\" in parts.netloc:
        # Browsers end the host at a backslash, other programs do not.
        raise InvalidAddress("it has a backslash before its path")
    try:
        parts.port  # noqa: B018 - httpx2 accepts whatever `int` accepts
    except ValueError as odd:
        raise InvalidAddress(_BAD_PORT) from odd


def checked(url: httpx2.URL) -> httpx2.URL:
    """Return the address if HTTP can reach it. Raises `InvalidAddress`."""
    if url.scheme not in _PORTS or not url.raw_host:
        raise InvalidAddress("it must begin with http:// or https:// and name a host")
    if url.port is not None and not 0 < url.port <= _HIGHEST_PORT:
        raise InvalidAddress(_BAD_PORT)
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
        return _BAD_PORT
    return words
