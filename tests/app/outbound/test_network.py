"""Addresses of the internal network are refused in every notation."""

from ipaddress import ip_address, ip_network

import pytest

from app.outbound.network import is_allowed

INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.0.8", "::1", "::", "fe80::1", "fc00::1",
    "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "fec0::1",
    "::ffff:0:127.0.0.1", "::ffff:100.64.0.1", "2002:a9fe:a9fe::1", "2606:4700::5efe:a00:1",
    "2606:4700::200:5efe:10.0.0.1", "2001:db8::1", "3fff::1", "fd00:ec2::254", "192.88.99.1",
]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_an_internal_address_is_refused(text: str) -> None:
    assert not is_allowed(ip_address(text), [])


@pytest.mark.parametrize(
    "text", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]
)
def test_a_public_address_is_allowed(text: str) -> None:
    assert is_allowed(ip_address(text), [])


def test_a_configured_network_is_allowed_in_its_mapped_form_too() -> None:
    named = [ip_network("127.0.0.0/8")]
    assert is_allowed(ip_address("127.0.0.1"), named)
    assert is_allowed(ip_address("::ffff:127.0.0.1"), named)
    assert not is_allowed(ip_address("10.0.0.1"), named)
