"""The proxy for all outgoing connections, and the hosts that are reached without it."""

import base64
import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from engine.value import value

_ALWAYS = ("localhost", "127.0.0.0/8", "::1")


@value(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        url: `http://host:port` or `https://host:port`, with a user name and a password if it needs
            them; never shown.
        left_out: Names (with all names below them), addresses and networks that are reached
            directly.
    """

    url: str
    left_out: Sequence[str] = ()

    @property
    def address(self) -> str:
        """The address without user name and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"

    @property
    def is_protected(self) -> bool:
        """Whether the connection to the proxy itself is encrypted."""
        return self.url.startswith("https:")

    @property
    def headers(self) -> list[tuple[bytes | str, bytes | str]]:
        """The headers that authenticate this server to the proxy."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return []
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return [("Proxy-Authorization", b"Basic " + base64.b64encode(pair.encode()))]

    def is_left_out(self, host: str) -> bool:
        """Return whether a host is reached directly; this machine itself always is."""
        name = host.lower().rstrip(".")
        try:
            address = ip_address(name)
        except ValueError:
            return any(
                name == item or name.endswith(f".{item}")
                for item in (_named(item) for item in (*_ALWAYS, *self.left_out))
            )
        return any(
            address in ip_network(item, strict=False)
            for item in (*_ALWAYS, *self.left_out)
            if re.fullmatch(r"[0-9.]+(/\d+)?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(/\d+)?", item)
        )


def _named(item: str) -> str:
    return item.lower().removeprefix("*").strip(".")
