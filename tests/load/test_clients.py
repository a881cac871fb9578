"""Clients that poll, do not read their answer, or disconnect occupy the server only briefly."""

import asyncio
import os
import socket
import time
from typing import Any

from tests.harness.flood import Ask, Line, flood, resident_mb, start_of
from tests.harness.server import Server
from tests.load.conftest import Load, chain, full, metric, naps

CLIENTS = int(os.environ.get("STEPWELL_LOAD_CLIENTS", "100"))


def sockets(server: Server) -> int:
    """Count the server's open sockets, once that of a disconnected client is closed."""
    before, count = -1, _sockets(server)
    while count != before:
        time.sleep(0.1)
        before, count = count, _sockets(server)
    return count


def _sockets(server: Server) -> int:
    assert server.process is not None
    folder = f"/proc/{server.process.pid}/fd"
    names = []
    for number in os.listdir(folder):  # noqa: PTH208 - links to look at, not files
        try:
            names.append(os.readlink(f"{folder}/{number}"))  # noqa: PTH115 - a socket has no path
        except FileNotFoundError:
            continue
    return sum(name.startswith("socket:") for name in names)


async def gone(server: Server, before: int, within: float = 60) -> None:
    until = time.monotonic() + within
    while sockets(server) > before:
        assert time.monotonic() < until, (sockets(server), before)
        await asyncio.sleep(0.1)


@full
async def test_a_client_that_does_not_read_its_answer_is_disconnected(load: Load) -> None:
    server = load()
    with server.client() as client:
        client.post("/api/workflows", json=chain([], "plain")).raise_for_status()
        data = {"data": {"text": "x" * 1_000_000}}
        run_id = client.post("/api/workflow/start/plain", json=data).json()["runId"]
    await asyncio.sleep(0.1)
    before, memory = sockets(server), resident_mb(server)
    greedy = []
    for _ in range(20):
        line = await Line(server).__aenter__()
        transport: Any = line._out.transport
        transport.pause_reading()
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        for _ in range(8):
            line.send(Ask("GET", f"/api/workflow/status/{run_id}"))
        greedy.append(line)
    await asyncio.sleep(0.5)
    assert sockets(server) >= before + 20, "they were not held, so nothing was proved"
    await gone(server, before, within=90)
    assert resident_mb(server) < memory + 60
    for line in greedy:
        await line.__aexit__()


async def test_a_client_that_never_ends_its_headers_is_disconnected(load: Load) -> None:
    server = load(header_timeout=3)
    server.key()
    before = sockets(server)
    held = []
    for begin in (b"", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: "):
        _, out = await asyncio.open_connection("127.0.0.1", server.port)
        out.write(begin)
        held.append(out)
    async with Line(server) as line:  # this client is slow only in its second request
        assert (await line.ask(Ask("GET", "/api/workflows"))).status == 200
        line._out.write(b"GET /healthz HTTP/1.1\r\n")
        await asyncio.sleep(0.3)
        assert sockets(server) == before + 3
        await gone(server, before)
    for out in held:
        out.close()


@full
async def test_a_slow_client_is_served(load: Load) -> None:
    server = load(header_timeout=1)
    with server.client() as client:
        client.post("/api/workflows", json=chain(naps(1, 2.5), "slow")).raise_for_status()
    async with Line(server) as line:
        answer = await line.ask(start_of("slow", wait=True))
        assert (answer.status, answer.json()["status"]) == (200, "completed")


async def test_many_clients_that_poll_and_disconnect(load: Load) -> None:
    server = load()
    with server.client() as client:
        client.post("/api/workflows", json=chain(naps(1, 1), "slow")).raise_for_status()
    await flood(server, [start_of("slow")] * 5)
    before, memory = sockets(server), resident_mb(server)

    async def leave(number: int) -> None:
        """Wait for a run, or poll it, and disconnect midway."""
        async with Line(server) as line:
            ask = start_of("slow", wait=True)
            if number % 2:
                run_id = (await line.ask(start_of("slow"))).json()["runId"]
                ask = Ask("GET", f"/api/workflow/status/{run_id}")
                for _ in range(3):
                    assert (await line.ask(ask)).status == 200
            line.send(ask)
            await asyncio.sleep(0.01)

    for begin in range(0, CLIENTS, 50):
        await asyncio.gather(*(leave(begin + number) for number in range(50)))
    await gone(server, before)
    assert metric(server, "requests_in_flight") == 1
    until = time.monotonic() + CLIENTS / 50 + 10
    while metric(server, "runs_in_memory"):
        assert time.monotonic() < until
        await asyncio.sleep(0.2)
    print(f"{CLIENTS} clients left; memory grew by {resident_mb(server) - memory:.1f} MB")
    assert resident_mb(server) < memory + 10 + CLIENTS / 50
    with server.client() as client:
        page = client.get("/api/workflow/runs", params={"status": "completed", "limit": 100}).json()
        assert len(page["runs"]) == min(100, CLIENTS + 5)
