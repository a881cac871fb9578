"""One request and its answer on a connection, as uvicorn keeps it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from starlette.types import Message
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.concurrency.fair_loop import FairLoop
from app.web.whose import IN_TURNS

InTurn: TypeAlias = Callable[[Coroutine[Any, Any, None]], Awaitable[None]]

_NO_BODY = (204, 304)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Flow(FlowControl):
    """Reads nothing more while requests wait for those before them."""

    _is_held = False

    def hold(self) -> None:
        """Stop reading until it is let go, whoever wants to go on."""
        self._is_held = True
        self.pause_reading()

    def let_go(self) -> None:
        """Read on."""
        self._is_held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Read on, unless it is held."""
        if not self._is_held:
            super().resume_reading()


class _Unheard:
    """Stands for the bell of an exchange that nobody waits for: most bodies have arrived."""

    def set(self) -> None:
        """Tell nobody."""


UNHEARD: Any = _Unheard()


class Exchange(RequestResponseCycle):
    """One request and its answer: bodies that have arrived cost no wait, answers one write.

    Attributes:
        may_begin: Says whether it would be answered at once, and not in a later turn.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(message_event=UNHEARD, **named)
        self._head = b""
        self._is_read = False
        self._in_turn: InTurn | None = None
        self.may_begin: Callable[[], bool] = _always

    def take_turns(self, fair_loop: FairLoop, tenant: str) -> None:
        """Have all of the request answered in the turns of a tenant."""
        scope: Any = self.scope
        scope[IN_TURNS] = tenant
        self._in_turn = partial(fair_loop.run, tenant)
        self.may_begin = partial(fair_loop.may_begin, tenant)

    def run_asgi(self, app: ASGI3Application) -> Coroutine[Any, Any, None]:
        """Return what answers the request."""
        answered = super().run_asgi(app)
        return answered if self._in_turn is None else _await(self._in_turn(answered))

    def arrived(self) -> bytes | None:
        """Take the body if all of it is here, however long its request waits for its turn."""
        if self.more_body or self._is_read:
            return None
        self._is_read = True
        body, self.body = bytes(self.body), bytearray()
        if not self.disconnected:
            self.flow.resume_reading()
        return body

    async def receive(self) -> Any:
        """Return the next piece of the body, or that the client has gone."""
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

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Send a part of the answer; its header goes with the first piece of its body."""
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
        if self.chunked_encoding:  # a stream, whose first piece may take its time
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
                raise RuntimeError("the answer is not as long as it says")
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


def _always() -> bool:
    return True


async def _await(answered: Awaitable[None]) -> None:
    await answered
