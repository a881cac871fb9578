"""Of several addresses of a host, one that nothing answers at delays a connection by a moment."""

import asyncio
from ipaddress import ip_address

import pytest

from app.outbound.first_connection import first_connection
from app.outbound.lookups import Address

SILENT, DEAD, LATE, WELL = (
    ip_address(text) for text in ("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2")
)


class Stream:
    """A connection to an address."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


class Network:
    """Connects to addresses as their names say, to a late one just when it is given up."""

    def __init__(self) -> None:
        self.tried: list[Address] = []
        self.given_up: list[Address] = []
        self.streams: list[Stream] = []

    async def connect(self, address: Address) -> Stream:
        self.tried.append(address)
        if address == DEAD:
            raise ConnectionRefusedError(str(address))
        try:
            if address in (SILENT, LATE):
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            if address == SILENT:
                self.given_up.append(address)
                raise
        self.streams.append(Stream(address))
        return self.streams[-1]


@pytest.mark.parametrize(
    ("addresses", "tried"),
    [
        ([WELL], [WELL]),
        ([DEAD, WELL], [DEAD, WELL]),
        ([SILENT, WELL], [SILENT, WELL]),
        ([SILENT, DEAD, WELL], [SILENT, WELL]),
        ([SILENT, SILENT, DEAD, LATE, WELL], [SILENT, LATE, SILENT, WELL]),
    ],
)
async def test_the_next_address_is_tried_beside_one_that_does_not_answer(
    addresses: list[Address], tried: list[Address]
) -> None:
    network = Network()
    async with asyncio.timeout(60):
        found = await first_connection(addresses, network.connect)
    assert (found.address, found.is_closed, network.tried) == (WELL, False, tried)
    assert network.given_up == [one for one in tried if one == SILENT]
    assert [one.is_closed for one in network.streams if one is not found] == [True] * (
        LATE in tried
    )


async def test_of_failures_the_last_one_is_raised() -> None:
    network = Network()
    with pytest.raises(ConnectionRefusedError, match=str(DEAD)):
        await first_connection([DEAD, DEAD], network.connect)
    assert network.tried == [DEAD, DEAD]
