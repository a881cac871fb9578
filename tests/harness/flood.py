"""Many concurrent requests over raw connections, so that the client costs less than the server."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from tests.harness.server import Server


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Ask:
    method: str
    path: str
    body: bytes = b""


def start_of(workflow: str, data: Any = None, *, wait: bool = False) -> Ask:
    where = "start" if wait else "start-async"
    return Ask(
        "POST", f"/api/workflow/{where}/{workflow}", json.dumps({"data": data or {}}).encode()
    )


class Line:
    """One persistent connection with one API key."""

    def __init__(self, server: Server, tenant: str = "acme") -> None:
        self._port = server.port
        self._key, self._tenant = server.key("owner", tenant), tenant

    async def __aenter__(self) -> Self:
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._out.close()

    def send(self, ask: Ask) -> None:
        self._out.write(
            f"{ask.method} {ask.path} HTTP/1.1\r\nhost: x\r\nx-api-key: {self._key}\r\n"
            f"x-tenant-id: {self._tenant}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(ask.body)}\r\n\r\n".encode()
            + ask.body
        )

    async def ask(self, ask: Ask) -> Answer:
        began = time.monotonic()
        self.send(ask)
        head = (await self._in.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await self._in.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(head[0].split()[1]), headers, body, time.monotonic() - began)


async def flood(
    server: Server, asks: Iterable[Ask], connections: int = 32, tenant: str = "acme"
) -> list[Answer]:
    """Send all requests, a number of them at once; return the answers in order of arrival."""
    todo, answers = iter(asks), list[Answer]()

    async def one() -> None:
        async with Line(server, tenant) as line:
            for ask in todo:
                answers.append(await line.ask(ask))

    await asyncio.gather(*(one() for _ in range(connections)))
    return answers


def resident_mb(server: Server) -> float:
    """Return the resident memory of the server."""
    assert server.process is not None
    with open(f"/proc/{server.process.pid}/status") as reported:  # noqa: PTH123 - a system file
        line = next(line for line in reported if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
