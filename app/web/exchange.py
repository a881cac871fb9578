"""One request and its answer on a connection, built on uvicorn's class."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from starlette.types import Message
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.concurrency.fair_loop import FairLoop
from app.web.likely_tenant import IN_TURNS
from app.wire.parsing.fields import fields_of

InTurn: TypeAlias = Callable[[Coroutine[Any, Any, None]], Awaitable[None]]

_NO_BODY = (204, 304)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Flow(FlowControl):
    """Pauses reading while earlier requests on the connection are not answered."""

    _is_held = False

    def hold(self) -> None:
        """Pause reading until `let_go`, even if uvicorn wants to resume."""
        self._is_held = True
        self.pause_reading()

    def let_go(self) -> None:
        """Resume reading."""
        self._is_held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Resume reading, unless it is held."""
        if not self._is_held:
            super().resume_reading()


class _Unheard:
    """The event of an exchange on which nothing waits, since most bodies have arrived."""

    def set(self) -> None:
        """Do nothing."""


UNHEARD: Any = _Unheard()


class Exchange(RequestResponseCycle):
    """One request and its answer; arrived bodies need no wait, an answer is one write.

    Attributes:
        may_begin: Says whether the request can be answered at once rather than in a later turn;
            None if it always can.
        is_forwarded: Whether a proxy names the client or its scheme.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(message_event=UNHEARD, **named)
        self._head = b""
        self._is_read = False
        self._in_turn: InTurn | None = None
        self.may_begin: Callable[[], bool] | None = None
        scope: Any = self.scope
        self.is_forwarded = fields_of(scope).is_forwarded

    def take_turns(self, fair_loop: FairLoop, tenant: str) -> None:
        """Answer the whole request in the turns of a tenant."""
        scope: Any = self.scope
        scope[IN_TURNS] = tenant
        self._in_turn = partial(fair_loop.run, tenant)
        self.may_begin = partial(fair_loop.may_begin, tenant)

    def run_asgi(self, app: ASGI3Application) -> Coroutine[Any, Any, None]:
        """Return the coroutine that answers the request."""
        answered = super().run_asgi(app)
        return answered if self._in_turn is None else _await(self._in_turn(answered))

    def arrived(self) -> bytes | None:
        """Return the body if it has arrived completely, even if the request waits for its turn."""
        if self.more_body or self._is_read:
            return None
        self._is_read = True
        body, self.body = bytes(self.body), bytearray()
        if self.flow.read_paused and not self.disconnected:
            self.flow.resume_reading()
        return body

    async def receive(self) -> Any:
        """Return the next piece of the body, or the message that the client has disconnected."""
        body = self.arrived()
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(_CONTINUE)
            self.waiting_for_100_continue = False
        if not (self.body or self.disconnected or self.response_complete):
            if self.message_event is UNHEARD:
                self.message_event = asyncio.Event()
            self.message_event.clear()
            self.flow.resume_reading()
            await self.message_event.wait()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        self._is_read = self._is_read or not self.more_body
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def answer(self, status: int, lines: bytes, body: bytes) -> bool:
        """Send a whole answer; return False if it has to be sent by messages instead.

        `lines` are its header fields as they are sent, without the length of the body.
        """
        flow: FlowControl = self.flow
        if (
            self.response_started
            or self.disconnected
            or flow.write_paused
            or not self.keep_alive
            or self.scope["method"] == "HEAD"
        ):
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        of_server = b"".join([b"%b: %b\r\n" % field for field in self.default_headers])
        self.transport.write(
            b"%b%bcontent-length: %d\r\n%b\r\n%b"
            % (STATUS_LINE[status], of_server, len(body), lines, body)
        )
        if self.message_event is not UNHEARD:
            self.message_event.set()
        self.on_response()
        return True

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Send a part of the answer; its header is sent with the first piece of its body."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._begin(message)
        elif not self.response_complete:
            self._continue(message)
        else:
            raise RuntimeError(f"{message['type']} after the end of the answer")

    def _begin(self, message: Message) -> None:
        self.response_started, self.waiting_for_100_continue = True, False
        status: int = message["status"]
        fields = [*self.default_headers, *message.get("headers", ())]
        for name, value in fields:
            if name == b"content-length":
                self.expected_content_length, self.chunked_encoding = int(value), False
            elif name == b"connection" and value == b"close":
                self.keep_alive = False
        if not self.keep_alive:
            fields = [field for field in fields if field[0] != b"connection"]
            fields.append((b"connection", b"close"))
        if self.chunked_encoding is None:
            self.chunked_encoding = self.scope["method"] != "HEAD" and status not in _NO_BODY
            if self.chunked_encoding:
                fields.append((b"transfer-encoding", b"chunked"))
        lines = b"".join([part for name, value in fields for part in (name, b": ", value, b"\r\n")])
        if lines.count(b"\n") != len(fields) or lines.count(b"\r") != len(fields):
            raise RuntimeError("a header field of the answer has a line break")
        self._head = b"".join((STATUS_LINE[status], lines, b"\r\n"))
        if self.chunked_encoding:  # a stream, whose first piece may come late
            self._write(b"")

    def _continue(self, message: Message) -> None:
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self.scope["method"] == "HEAD":
            self.expected_content_length, body = 0, b""
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"" if more else _LAST_CHUNK
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise RuntimeError("the length of the answer differs from its Content-Length")
        self._write(body)
        if not more:
            self.response_complete = True
            if self.message_event is not UNHEARD:
                self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _write(self, data: bytes) -> None:
        head, self._head = self._head, b""
        self.transport.write(head + data if head else data)


async def _await(answered: Awaitable[None]) -> None:
    await answered
