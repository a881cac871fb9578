"""Connections that can be dropped while somebody on the other side does not read.

The server interface can only close a connection once everything has been sent, which a reader
that has stopped reading puts off for ever. So each request's scope says how to abort.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_ABORT = "stepwell.abort"


class Protocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with a way out in each scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Remember the transport for the requests that come over it."""
        super().connection_made(transport)
        app: ASGIApp = self.app

        async def with_abort(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_ABORT] = transport.abort
            await app(scope, receive, send)

        self.app = with_abort


def abort_of(scope: Scope) -> Callable[[], None]:
    """Give what drops the connection of a request at once, with all that was not sent."""
    abort: Callable[[], None] = scope[_ABORT]
    return abort
