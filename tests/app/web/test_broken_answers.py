"""An answer that fails when a part of it has been sent: one line in the log, and no whole answer."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from app.settings.server import Settings
from app.telemetry.counters import Counters
from app.web.middleware import RequestFrame
from journal import Unavailable
from tests.harness.connection import Connection

REQUEST = b"GET /export HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("failure", "is_gone", "event"),
    [
        (Unavailable("it has gone"), False, "answer broken off"),
        (Unavailable("it has gone"), True, None),
        (ZeroDivisionError("a mistake"), False, "request failed"),
    ],
)
async def test_a_stream_that_fails_in_the_middle_ends_without_an_end(
    failure: Exception, is_gone: bool, event: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    may_fail, has_ended = asyncio.Event(), asyncio.Event()

    async def lines() -> AsyncIterator[str]:
        yield "first\n"
        await may_fail.wait()
        raise failure

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await StreamingResponse(lines())(scope, receive, send)
        finally:
            has_ended.set()

    connection = Connection(RequestFrame(app, Counters()), Settings())
    with capture_logs() as logged, caplog.at_level(logging.ERROR):
        connection.protocol.data_received(REQUEST)
        while b"first" not in connection.wire.sent:
            await connection.wire.written.wait()
            connection.wire.written.clear()
        if is_gone:
            connection.wire.close()
        may_fail.set()
        await has_ended.wait()
        while connection.protocol.tasks:
            await asyncio.wait(connection.protocol.tasks)
            await asyncio.sleep(0)
    assert connection.wire.closed
    assert b"0\r\n\r\n" not in connection.wire.sent
    assert [line["event"] for line in logged if line["log_level"] == "error"] == [event] * (
        event is not None
    )
    assert not caplog.records
