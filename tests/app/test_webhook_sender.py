"""Which answers of a receiver count as a delivered webhook."""

import gzip
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from app.clock import SystemClock
from app.outbound.http_client import HttpClient
from app.webhooks.sender import Message, Outcome, Sender
from app.webhooks.signature import new_secret
from tests.harness.bytes_server import saying

NO_MORE = b"Content-Length: 0\r\n\r\n"


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient([ip_network("127.0.0.0/8")])
    yield made
    await made.close()


async def outcome(
    client: HttpClient, answer: bytes, timeout_s: float = 5, *, keep_open: bool = True
) -> Outcome:
    with saying(answer, keep_open=keep_open) as address:
        sender = Sender(client, SystemClock(), timeout_s)
        return await sender.post("tenant", address, [new_secret()], Message("evt_1", b"{}"))


@pytest.mark.parametrize(
    ("status", "rest"),
    [
        (b"200 OK", b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000),
        (b"201 Created", b"Content-Length: 100\r\n\r\nslow"),
        (b"200 OK", b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"),
        (b"200 OK", b"Content-Encoding: br, br\r\nContent-Length: 2\r\n\r\nok"),
        (
            b"202 Accepted",
            b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 99, mtime=0)[:20],
        ),
        (b"204 No Content", b"\r\n"),
        (b"299 Fine", b"Transfer-Encoding: chunked\r\n\r\nzz\r\nno chunk"),
        (b"200 OK", b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
        (b"200 OK", b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
        (b"202 Accepted", b"no header\r\n\r\n"),
        (b"200 OK", b"X: " + b"x" * 300_000),
    ],
)
async def test_a_2xx_status_line_is_enough(client: HttpClient, status: bytes, rest: bytes) -> None:
    found = await outcome(client, b"HTTP/1.1 " + status + b"\r\n" + rest)
    assert found == Outcome(int(status[:3]))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 201 Created\r\nX: ", 201),
        (b"HTTP/1.1 503 Busy\r\nX: ", 503),
        (b"HTTP/1.1 102 Processing\r\n\r\n", None),
        (b"HTTP/1.1 2", None),
    ],
)
@pytest.mark.parametrize("keep_open", [False, True])
async def test_an_incomplete_header_does_not_invalidate_the_status(
    client: HttpClient, answer: bytes, status: int | None, *, keep_open: bool
) -> None:
    found = await outcome(client, answer, 0.2 if keep_open else 5, keep_open=keep_open)
    assert (found.status, found.error is None) == (status, status in {200, 201})


@pytest.mark.parametrize(
    ("header", "wait_ms"),
    [(b"Retry-After: 7\r\n", 7_000), (b"Retry-After: \xb2\r\n", None), (b"retry-after: 1\xb3\r\n", None),
     (b"", None)],
)  # fmt: skip
async def test_anything_else_is_a_failure_with_its_status(
    client: HttpClient, header: bytes, wait_ms: int | None
) -> None:
    found = await outcome(client, b"HTTP/1.1 503 Busy\r\n" + header + NO_MORE)
    assert found == Outcome(503, "the answer was 503", wait_ms)


@pytest.mark.parametrize("location", [b"http://[", b"https://elsewhere.example/", b"\xff"])
async def test_redirects_are_never_followed(client: HttpClient, location: bytes) -> None:
    found = await outcome(
        client, b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n" + NO_MORE
    )
    assert (found.status, found.error) == (302, "the answer was 302")
