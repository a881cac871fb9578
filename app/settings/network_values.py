"""Settings that name places in a network: checked at the start, so that none fails silently."""

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

_HIGHEST_PORT = 65_535
_LONGEST_NAME = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_USUAL_PORTS = {"http": 80, "https": 443}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_WEB = "must begin with http:// or https:// and name a host"
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


def header_pairs(text: str) -> dict[str, str]:
    """Return the headers in `name=value,name=value`.

    Raises:
        ValueError: A part is not a header that can be sent; the message does not show it.
    """
    found = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        if not sign or not _HEADER_NAME.fullmatch(name.strip()):
            raise ValueError("must be name=value, with commas between them")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError("must hold values of printable ASCII characters only")
        found[name.strip()] = value.strip()
    return found


def is_host(name: str | None) -> bool:
    """Return whether a text is an address or a name that can be looked up."""
    try:
        ip_address(name or "")
    except ValueError:
        sent = _as_sent(name or "").removesuffix(".")
        labels: Sequence[str] = sent.split(".")
        is_number = re.fullmatch(r"[0-9.]+", sent) is not None
        fits = all(map(_LABEL.fullmatch, labels)) and len(sent) <= _LONGEST_NAME
        return fits and not is_number
    return True


def _is_origin(value: str) -> str:
    """Check an origin: browsers send it in exactly one form."""
    if value == "*":
        return value
    wrong = ValueError("must be an origin such as https://app.example, or *")
    parts = _split(value, wrong)
    if not _SCHEME.fullmatch(parts.scheme) or not is_host(parts.hostname):
        raise wrong
    host = _as_sent(parts.hostname or "")
    port = parts.port
    if port in (None, _USUAL_PORTS.get(parts.scheme)):
        sent = f"{parts.scheme}://{host}"
    else:
        sent = f"{parts.scheme}://{host}:{port}"
    if value != sent:
        raise ValueError(f"must be written as browsers send it: {sent}")
    return value


def _is_proxy(value: SecretStr) -> SecretStr:
    # No message shows the value, which may hold a password.
    wrong = ValueError("must be http:// or https://, a host and a port, and no path")
    parts = _split(value.get_secret_value(), wrong)
    if not _is_web(parts) or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise wrong
    if "@" in parts.netloc.rpartition("@")[0]:
        raise ValueError("must have %40 for an @ in the user name and the password")
    return value


def _is_reached_directly(value: str) -> str:
    """Check a name, address or network, and return it as it is compared."""
    fix = "must be a name such as corp.example, an address, or a network such as 10.0.0.0/8"
    if value == "*":
        raise ValueError(f"{fix}; without the setting proxy, everything is reached directly")
    if re.fullmatch(r"[0-9./]+|[0-9A-Fa-f:./]*:[0-9A-Fa-f:./]*", value):
        try:
            ip_network(value, strict=False)
        except ValueError:
            raise ValueError(fix) from None
        return value
    if ":" in value:
        raise ValueError(f"{fix}, without a scheme or a port")
    name = value.removeprefix("*").strip(".")
    if not is_host(name):
        raise ValueError(fix)
    return _as_sent(name)


def _is_public(value: str) -> str:
    wrong = ValueError(
        "must be http:// or https:// and a host, such as https://flows.example, without a path, "
        "a user name or a password"
    )
    parts = _split(value, wrong)
    if not _is_web(parts) or "@" in value or value != f"{parts.scheme}://{parts.netloc}":
        raise wrong
    return value


def _is_endpoint(value: str) -> str:
    wrong = ValueError("must be http:// or https:// and a host, without user name and password")
    parts = _split(value, wrong)
    if not _is_web(parts) or "@" in value:
        raise wrong
    if parts.query or parts.fragment:
        raise ValueError("must have no query and no fragment")
    return value


def _is_mail_host(value: str) -> str:
    if not is_host(value):
        raise ValueError("must be a name or an address; the port is the setting smtp_port")
    return value


def _are_headers(value: SecretStr) -> SecretStr:
    header_pairs(value.get_secret_value())
    return value


def _is_token(value: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("must be of printable ASCII characters without blanks")
    return value


def own_address(host: str, port: int) -> str:
    """Return the address at which a server that listens there is reached from its machine."""
    reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - all interfaces
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


def web_address(text: str, credentials: str) -> SplitResult:
    """Return the parts of an address to which requests are sent.

    Args:
        text: The address.
        credentials: What is given in place of a user and a password in it, as the message says.

    Raises:
        ValueError: It cannot be reached by HTTP; the message does not show it.
    """
    if not text.isprintable() or "\\" in text:
        raise ValueError("must not contain line breaks, backslashes or control characters")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(_WEB) from None
    if not parts.hostname or parts.scheme not in _USUAL_PORTS:
        raise ValueError(_WEB)
    if not _has_usable_port(parts):
        raise ValueError(f"must have a port from 1 to {_HIGHEST_PORT}, or none")
    if not is_host(parts.hostname):
        raise ValueError("must have a host whose name is valid")
    if "%" in parts.hostname or ("[" in parts.netloc and ":" not in parts.hostname):
        raise ValueError("must have an IPv6 address in its brackets, and no zone")
    if "@" in parts.netloc:
        raise ValueError(f"must not contain a user or a password; {credentials}")
    return parts


def _split(value: str, wrong: ValueError) -> SplitResult:
    """Return the parts of an address. Raises `wrong` if it has none, or no valid port."""
    try:
        parts = urlsplit(value)
    except ValueError:
        raise wrong from None
    is_odd = parts.netloc.endswith(":") or re.search(r"[\s\\]", value) is not None
    if is_odd or not _has_usable_port(parts):
        raise wrong
    return parts


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _is_web(parts: SplitResult) -> bool:
    """Return whether an address begins with http:// or https:// and names a host."""
    return parts.scheme in _USUAL_PORTS and is_host(parts.hostname)


def _as_sent(name: str) -> str:
    """Return a host as it stands in requests: in small letters, and in ASCII."""
    if ":" in name:
        return f"[{name.lower()}]"
    if name.isascii():
        return name.lower()
    import idna

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except ValueError:
        return name


Origin = Annotated[str, AfterValidator(_is_origin)]
"""The origin of a page, as browsers send it; `*` for any."""

ProxyAddress = Annotated[SecretStr, AfterValidator(_is_proxy)]
"""The address of an HTTP proxy, perhaps with a user name and a password."""

DirectHost = Annotated[str, AfterValidator(_is_reached_directly)]
"""A name, an address or a network."""

PublicAddress = Annotated[str, AfterValidator(_is_public)]
"""A scheme and a host."""

EndpointAddress = Annotated[str, AfterValidator(_is_endpoint)]
"""An address without credentials, to which paths are added."""

MailHost = Annotated[str, AfterValidator(_is_mail_host)]
"""The name or the address of a mail server."""

HeaderPairs = Annotated[SecretStr, AfterValidator(_are_headers)]
"""Headers as `name=value`, with commas between them."""

HeaderToken = Annotated[SecretStr, AfterValidator(_is_token)]
"""A token that a header can carry."""
