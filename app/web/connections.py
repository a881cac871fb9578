"""Connections: how long a client may take over a header, how many there may be, a way out.

uvicorn bounds neither, so that a client that sends a header byte by byte holds a connection
for ever. A request's body has its own limit of time, where it is read. The server interface
can only close a connection once everything has been sent, which a reader that has stopped
reading puts off for ever; so each request's scope says how to abort.
"""

import asyncio
import functools
import json
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.settings.server import Settings
from app.web.connection_pool import ConnectionPool

_CONNECTION = "stepwell.connection"
_LONG = 16_384
"""Bytes that are sent without waiting for more."""

_STUCK_S = 60.0
"""Seconds that a client may leave an answer that waits for it unread."""


def protocol(settings: Settings, most: int) -> Callable[..., asyncio.Protocol]:
    """Return what makes the protocol of each connection, of which there may be `most`."""
    return functools.partial(
        _Bounded, header_timeout_s=settings.header_timeout, pool=ConnectionPool(most)
    )


def abort_of(scope: Scope) -> Callable[[], None]:
    """Return what drops the connection of a request at once, with all that was not sent."""
    connection: _Bounded = scope[_CONNECTION]
    return connection.abort


def leave_with_client(scope: Scope, answer: asyncio.Future[Any]) -> None:
    """Cancel what a request waits for when its client goes away."""
    connection: _Bounded = scope[_CONNECTION]
    if connection.transport.is_closing():
        answer.cancel()
        return
    connection.waiting.add(answer)
    answer.add_done_callback(connection.waiting.discard)


def caller_is_known(scope: Scope) -> None:
    """Note that a request is one of a known caller: its connection is not the first to go."""
    connection: _Bounded = scope[_CONNECTION]
    connection.is_known = True


class _Bounded(H11Protocol):
    """Closes connections that take their time, and turns away those beyond the limit."""

    def __init__(
        self, *args: object, header_timeout_s: float, pool: ConnectionPool, **named: object
    ) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type] # uvicorn's own
        self._header_timeout_s = header_timeout_s
        self._pool = pool
        self._header_timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        self.waiting: set[asyncio.Future[Any]] = set()
        self.is_known = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Corked(transport, self.loop))
        app: ASGIApp = self.app

        async def with_abort(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_CONNECTION] = self
            await app(scope, _whole_body_first(self.cycle, receive), send)

        self.app = with_abort
        if not self._pool.add(self):
            self._refuse(503, "Service unavailable", "there are too many connections")
            return
        self._await_header()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._is_serving:
            self._header_timer = _stop(self._header_timer)
            self._pool.busy(self)
        else:
            self._await_header()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_serving:
            self._pool.idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._header_timer = _stop(self._header_timer)
        self._stuck_timer = _stop(self._stuck_timer)
        for answer in tuple(self.waiting):
            answer.cancel()
        self._pool.remove(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Drop the connection at once, with all that was not sent."""
        self.transport.abort()

    def give_way(self) -> None:
        """Close, since another connection needs the place."""
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck_timer = self.loop.call_later(_STUCK_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._stuck_timer = _stop(self._stuck_timer)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the shape of every other error."""
        self._refuse(400, "Invalid input", "that is no valid HTTP/1.1 request")

    @property
    def _is_serving(self) -> bool:
        """True while a request whose header is whole has not been answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _await_header(self) -> None:
        # Not set anew by further bytes: the whole header has to come within the time.
        if self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self._header_timeout_s, self._too_late)

    def _too_late(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing() and not self._is_serving:
            message = f"the header did not arrive within {self._header_timeout_s:g} seconds"
            self._refuse(408, "Request timeout", message)

    def _refuse(self, status: int, word: str, message: str) -> None:
        """Answer without the application and close, unless an answer has begun."""
        if self.cycle is not None and self._is_serving:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        document = {"error": word, "message": message, "requestId": uuid.uuid4().hex}
        body = json.dumps(document).encode()
        header = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n\r\n"
        )
        self.transport.write(header.encode() + body)
        self.transport.close()


def _whole_body_first(cycle: Any, receive: Receive) -> Receive:
    """Return what reads a body that has arrived whole also when its client has gone meanwhile.

    A request counts once all of it is here, however long it waits for its turn.
    """
    is_read = False

    async def read() -> Message:
        nonlocal is_read
        message = await receive()
        if message["type"] == "http.disconnect" and not (is_read or cycle.more_body):
            message = {"type": "http.request", "body": bytes(cycle.body), "more_body": False}
        is_read = is_read or not message.get("more_body", False)
        return message

    return read


class _Corked(asyncio.Transport):
    """Sends what is written in one turn of the event loop together.

    The server interface writes the header and the body of an answer each for itself. One call
    of the system less is a twentieth of what a small answer costs.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._gathered = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send with what else is written in this turn; at once where it has grown long."""
        if not self._gathered and data:
            self._loop.call_soon(self._flush)
        self._gathered += data
        if len(self._gathered) > _LONG:
            self._flush()

    def _flush(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, bytearray()
            self._transport.write(gathered)

    def close(self) -> None:
        """Close once everything has been sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent is gone."""
        self._gathered.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Say whether it is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell about the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take nothing more from the client for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the client."""
        self._transport.resume_reading()


def _stop(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, and return what stands in its place: none."""
    if timer is not None:
        timer.cancel()
    return None
