"""DNS lookups without an answer do not block other tenants."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpcore2
import pytest

from app.outbound.lookups import Lookups, asking


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the names being looked up that get no answer; other names do."""
    asked: list[str] = []
    over = threading.Event()

    def looked_up(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        if str(host).endswith(".silent.example"):
            asked.append(str(host))
            over.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    yield asked
    over.set()


async def look(lookups: Lookups, host: str, tenant: str) -> list[str]:
    asking.set(tenant)
    return [str(address) for address in await lookups.addresses(host, 80)]


async def test_each_tenant_has_its_share_and_the_default_threads_are_free(
    silence: list[str],
) -> None:
    lookups = Lookups(10)
    waiting = [
        asyncio.create_task(look(lookups, f"{number}.silent.example", "loud"))
        for number in range(40)
    ]
    async with asyncio.timeout(10):
        while len(silence) < 8:  # noqa: ASYNC110 - noted by threads
            await asyncio.sleep(0.01)
        assert await asyncio.create_task(look(lookups, "known.example", "quiet")) == ["192.0.2.1"]
        assert await asyncio.to_thread(lambda: "done") == "done"
    assert len(silence) == 8
    for task in waiting:
        task.cancel()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    # A cancelled lookup counts until its thread is free.
    assert lookups.under_way == 8


async def test_an_address_is_not_looked_up(silence: list[str]) -> None:
    assert await look(Lookups(1), "10.0.0.1", "") == ["10.0.0.1"]
    assert await look(Lookups(1), "fd00::1", "") == ["fd00::1"]


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "." * 300, "a\0b"])
async def test_an_invalid_name_is_not_found(host: str) -> None:
    with pytest.raises(httpcore2.ConnectError, match=r"cannot be found: ."):
        await look(Lookups(1), host, "")
