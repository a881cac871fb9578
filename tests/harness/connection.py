"""A connection without a network: runs the server's HTTP protocol within the test process."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from app.concurrency.fair_loop import FairLoop
from app.settings.server import Settings
from app.web.connection_pool import ConnectionPool
from app.web.protocol import HttpProtocol, protocol


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and signals when something was."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False
        self.reads = True
        self.written = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        self.written.set()

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)


class Connection:
    """One connection to an application, set up as the server does."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            http=protocol(settings, ConnectionPool(10), FairLoop()),  # type: ignore[arg-type] # a class, but for its name
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        config.load()
        made: Any = config.http_protocol_class
        self.protocol: HttpProtocol = made(config=config, server_state=ServerState(), app_state={})
        self.wire = Wire()
        self.protocol.connection_made(self.wire)

    async def ask(self, request: bytes) -> bytes:
        """Send a request and return its answer, whose header is written in one piece."""
        self.wire.sent.clear()
        self.wire.written.clear()
        self.protocol.data_received(request)
        await self.wire.written.wait()
        head, _, _ = bytes(self.wire.sent).lower().partition(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(self.wire.sent) < len(head) + 4 + length:
            self.wire.written.clear()
            await self.wire.written.wait()
        return bytes(self.wire.sent)
