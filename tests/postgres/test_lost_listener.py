"""A session that listens for notifications notices a cut network, though no packet reports it."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from journal.postgres import sessions
from journal.postgres.address import Address
from journal.postgres.sessions import PostgresBell, PostgresLocks
from journal.processes.bell import CHANGE
from tests.harness.failover import Network
from tests.harness.postgres import PostgresServer

_PORT = "5503"


async def _until(holds: Callable[[], object], does: Callable[[], object] = lambda: None) -> None:
    async with asyncio.timeout(30):
        while not holds():
            does()
            await asyncio.sleep(0.05)


async def _cut_and_mended(server: PostgresServer, network: Network, options: str) -> None:
    url = f"postgresql://stepwell@{network.address(0)}:{_PORT}/postgres{options}"
    address = Address.read(url, schema="silence", statement_timeout_ms=3_000, relaxed=True)
    bell = PostgresBell(address, PostgresLocks(address), lambda: True)
    gaps, heard = list[None](), list[str]()
    bell.on_gap.append(lambda: gaps.append(None))
    bell.heard[CHANGE] = [heard.append]

    def ring() -> None:
        server.execute(f"""SELECT pg_notify('silence_bell', '[["{CHANGE}", "x"]]')""")

    listening = asyncio.create_task(bell.run())
    await _until(lambda: heard, ring)
    network.cut(0)
    gaps.clear()
    await _until(lambda: gaps)
    network.mend(0)
    heard.clear()
    await _until(lambda: heard, ring)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_message_that_is_not_understood_makes_a_listener_check_everything(
    postgres: PostgresServer,
) -> None:
    address = Address.read(postgres.url(), schema="odd", statement_timeout_ms=3_000, relaxed=True)
    bell = PostgresBell(address, PostgresLocks(address), lambda: True)
    gaps, heard = list[None](), list[str]()
    bell.on_gap.append(lambda: gaps.append(None))
    bell.heard[CHANGE] = [heard.append]
    listening = asyncio.create_task(bell.run())
    await _until(lambda: gaps)
    for odd in ("no JSON", "7", '[["one"]]', "[7]"):
        gaps.clear()
        postgres.execute(f"SELECT pg_notify('odd_bell', '{odd}')")
        await _until(lambda: gaps or listening.done())
        assert not listening.done(), odd
    postgres.execute(f"""SELECT pg_notify('odd_bell', '[["{CHANGE}", "x"]]')""")
    await _until(lambda: heard)
    listening.cancel()


@pytest.mark.skipif(not Network.is_possible(), reason="no networks can be made here")
@pytest.mark.parametrize("options", ["?tcp_user_timeout=1000", "?tcp_user_timeout=0"])
def test_a_listener_whose_network_is_cut_reports_it_and_listens_again(
    options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_EAR_LOOKS_EVERY_S", 0.5)
    with (
        Network(1) as network,
        PostgresServer(within=network.within, port=_PORT, listen_addresses="*") as server,
    ):
        uvloop.run(_cut_and_mended(server, network, options))
