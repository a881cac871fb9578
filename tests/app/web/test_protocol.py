"""The HTTP protocol of a connection, without a network."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.settings.server import Settings
from app.wire.parsing.arrived_body import take_arrived_body
from tests.harness.connection import Connection

ONE = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(scope["path"])(scope, receive, send)


async def test_pipelined_requests_are_held_unparsed_and_answered_in_order() -> None:
    may_answer = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await may_answer.wait()
        await echo(scope, receive, send)

    connection = Connection(slow, Settings())
    sent = b"".join(ONE % number for number in range(5_000))
    connection.protocol.data_received(sent[:100_000])
    connection.protocol.data_received(sent[100_000:])
    assert len(connection.protocol.pipeline) < 100
    assert not connection.wire.reads
    may_answer.set()
    while not connection.wire.sent.endswith(b"/4999"):
        assert not connection.wire.closed
        await connection.wire.written.wait()
        connection.wire.written.clear()
    bodies = [
        int(one.partition(b"HTTP")[0]) for one in connection.wire.sent.split(b"\r\n\r\n/")[1:]
    ]
    assert bodies == list(range(5_000))
    assert connection.wire.reads


async def test_a_request_that_awaits_nothing_is_answered_at_once() -> None:
    """A request that awaits nothing takes no task and no iteration of the event loop."""
    may_answer = asyncio.Event()

    async def some(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/2":
            await may_answer.wait()
        body = take_arrived_body(scope)
        await PlainTextResponse(scope["path"].encode() + (body or b"-"))(scope, receive, send)

    connection = Connection(some, Settings())
    connection.protocol.data_received(b"POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab")
    assert connection.wire.sent.endswith(b"\r\n\r\n/1ab")
    connection.protocol.data_received(ONE % 2 + ONE % 3)
    assert connection.wire.sent.endswith(b"/1ab")
    may_answer.set()
    while not connection.wire.sent.endswith(b"/3-"):
        await connection.wire.written.wait()
        connection.wire.written.clear()
    assert connection.wire.sent.index(b"/2-") < connection.wire.sent.index(b"/3-")


async def test_a_request_cut_at_every_byte_is_one_request() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message["body"]
        shown = f"{scope['path']} {dict(scope['headers'])[b'a'].decode()} {body.decode()}"
        await PlainTextResponse(shown)(scope, receive, send)

    request = b"POST /x HTTP/1.1\r\nhost: x\r\nA:  b \t\r\ncontent-length: 5\r\n\r\nhello"
    for cut in range(1, len(request)):
        connection = Connection(app, Settings())
        connection.protocol.data_received(request[:cut])
        await asyncio.sleep(0)
        answer = await connection.ask(request[cut:])
        assert answer.endswith(b"/x b hello"), (cut, answer)


async def test_a_body_in_chunks_of_one_byte_is_a_body() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await PlainTextResponse(str(size))(scope, receive, send)

    connection = Connection(app, Settings())
    lines = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = await connection.ask(lines + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n100000")


async def test_a_received_body_is_read_at_once_and_only_once() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first, second = take_arrived_body(scope), take_arrived_body(scope)
        await PlainTextResponse(f"{first!r} {second!r}")(scope, receive, send)

    connection = Connection(app, Settings())
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
    assert (await connection.ask(head + b"{}")).endswith(b"b'{}' None")
    assert (await connection.ask(ONE % 1)).endswith(b"b'' None")
    assert (await connection.ask(head + b"{")).endswith(b"None None")


async def test_a_stream_sends_its_header_before_its_first_chunk() -> None:
    go_on = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        await go_on.wait()
        yield b"late"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(pieces())(scope, receive, send)

    connection = Connection(app, Settings())
    assert (await connection.ask(ONE % 1)).endswith(b"transfer-encoding: chunked\r\n\r\n")
    connection.wire.written.clear()
    go_on.set()
    await connection.wire.written.wait()
    assert b"4\r\nlate\r\n" in connection.wire.sent


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
async def test_a_line_break_in_a_response_header_is_not_sent(value: bytes) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", value)]})

    connection = Connection(app, Settings())
    connection.protocol.logger.disabled = True
    try:
        connection.protocol.data_received(ONE % 1)
        for _ in range(5):
            await asyncio.sleep(0)
    finally:
        connection.protocol.logger.disabled = False
    assert value not in connection.wire.sent


async def test_a_request_leaves_few_reference_cycles() -> None:
    connection = Connection(echo, Settings())
    await connection.ask(ONE % 1)
    gc.collect()
    gc.disable()
    try:
        for number in range(20):
            await connection.ask(ONE % number)
        await asyncio.sleep(0)
        assert gc.collect() < 80
    finally:
        gc.enable()


async def test_a_repeated_header_is_reused_with_the_new_body() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        shown = b"%b %b" % (scope["path"].encode(), take_arrived_body(scope) or b"-")
        scope["path"] = "/changed"
        await PlainTextResponse(shown)(scope, receive, send)

    connection = Connection(app, Settings())
    reader: Any = connection.protocol
    began, begun = reader.on_message_begin, 0

    def begin() -> None:
        nonlocal begun
        begun += 1
        began()

    reader.on_message_begin = begin
    reader._parse_anew()  # a parser that reads the method from the line above
    head = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
    assert (await connection.ask(head + b"ab")).endswith(b"/a ab")
    assert (await connection.ask(head + b"cd")).endswith(b"/a cd")
    assert (await connection.ask(head + b"ef")).endswith(b"/a ef")
    assert begun == 1
    assert (await connection.ask(head.replace(b"/a", b"/b") + b"gh")).endswith(b"/b gh")
    assert begun == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"\r\n"),  # the parser skips line breaks between two requests
        (b"\r\n", b""),
        (b"\r\n\r\n", b""),
        (b"", b"\r\n\r\n"),
    ],
)
async def test_bytes_around_a_repeated_request_are_not_part_of_it(
    before: bytes, after: bytes
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(take_arrived_body(scope) or b"-")(scope, receive, send)

    connection = Connection(app, Settings())
    for body in (b"\r\n\r\nab", b"\r\n\r\ncd", b"gh\r\n\r\n", b"\r\n\r\n\r\n"):
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n"
        answer = await connection.ask(before + head + body + after)
        assert answer.endswith(b"\r\n\r\n" + body), body


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\nexpect: 100-continue\r\n\r\n",
        b"POST / HTTP/1.0\r\ncontent-length: 7\r\n\r\n",
    ],
)
async def test_unusual_requests_are_always_parsed(head: bytes) -> None:
    connection = Connection(echo, Settings())
    await connection.ask(head + b"2\r\nab\r\n0\r\n\r\n"[: 12 if b"chunked" in head else 7])
    assert connection.protocol._known_head.repeated(head + b"2\r\nab\r\n0\r\n\r\n"[:7]) is None
    assert connection.protocol._repeatable is None
