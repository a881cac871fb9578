"""Decides which addresses steps may connect to: public ones, and those in the settings.

`ipaddress` calls some addresses global that lead to private ones (NAT64, 6to4, mapped forms), so an
address is unwrapped before it is checked.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import TypeAlias

from app.outbound.lookups import Address

Network: TypeAlias = IPv4Network | IPv6Network

EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""The allowed networks for addresses that the operator has named: all."""

_NAT64 = ip_network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The middle of an address whose last four bytes are an IPv4 address within its network."""

_REFUSED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48",
        "3fff::/20", "fec0::/10",
    )
)  # fmt: skip


class AddressNotAllowed(Exception):
    """A step tried to connect to an address that is not public."""

    def __init__(self, host: str, address: Address) -> None:
        super().__init__(
            f"{host} is at {address}, which is not a public address; if steps may go there, "
            "name its network in the setting allowed_networks (STEPWELL_ALLOWED_NETWORKS)"
        )


def forms(address: Address) -> list[Address]:
    """Return an address and every IPv4 address that it wraps."""
    found: list[Address] = [address]
    if isinstance(address, IPv6Address):
        number = int(address)
        if address.ipv4_mapped:
            found.append(address.ipv4_mapped)
        if address.sixtofour:
            found.append(address.sixtofour)
        if address.teredo:
            found.extend(address.teredo)
        if address in _NAT64 or (number >> 32 == 0 and number > 1):
            found.append(IPv4Address(number & 0xFFFFFFFF))
        if (number >> 32) & 0xFFFFFFFF in _ISATAP:
            found.append(IPv4Address(number & 0xFFFFFFFF))
    return found


def _is_ipv4(address: Address) -> bool:
    """Return whether it is only another way to write an IPv4 address, or to reach it by NAT64.

    In a network without IPv4, all names that have only IPv4 addresses are at such ones (DNS64).
    """
    return isinstance(address, IPv6Address) and (
        address.ipv4_mapped is not None or address in _NAT64
    )


def is_allowed(address: Address, allowed: Iterable[Network]) -> bool:
    """Return whether steps may connect to `address`."""
    wrapped = forms(address)
    if any(
        form in network
        for form in wrapped
        for network in allowed
        if form.version == network.version
    ):
        return True
    return all(
        form.is_global
        and not form.is_multicast
        and not form.is_reserved
        and not form.is_unspecified
        and not any(form in network for network in _REFUSED if form.version == network.version)
        for form in (wrapped[1:] if _is_ipv4(address) else wrapped)
    )
