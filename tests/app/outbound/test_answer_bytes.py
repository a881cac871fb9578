"""Answers that break the grammar of HTTP where their meaning is clear, and what follows their end."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from app.outbound.answer_bytes import AnswerBytes
from app.outbound.http_client import HttpClient
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest
from tests.attack.trap import Gives, Trap
from tests.harness.bytes_server import saying
from tests.harness.growing_cost import cost_ratio

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient([ip_network("127.0.0.0/8")], most=10)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        (b"\r\n" + HELLO, HELLO),
        (b"0\r\n\r\n" + HELLO, HELLO),
        (HELLO.replace(b"\r\n", b"\n"), HELLO),
        (OK + b"X : 1\r\nno colon\r\na b: 1\r\n: 2\r\nContent-Length: 5, 5\r\n\r\nhello",
         OK + b"X: 1\r\nContent-Length: 5\r\n\r\nhello"),
        (OK + b"X: a\0b\rc\r\n d\r\nContent-Length: \r\n\r\nhello", OK + b"X: a b c d\r\n\r\nhello"),
        (OK + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", HELLO),
        (OK + b"Transfer-Encoding: gzip, Chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
         OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (OK + b"Transfer-Encoding: gzip\r\n\r\nx", OK + b"Content-Encoding: gzip\r\n\r\nx"),
        (CHUNKED + b'0005 ; a="b"\r\nhello\r\n0;c\r\nX: 1\r\nno trailer\r\n\r\n',
         CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"),
        (CHUNKED + b"5\nhello\n0\n\n", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"),
        (b"HTTP/1.1 100 C\r\n\r\n" + HELLO, b"HTTP/1.1 100 C\r\n\r\n" + HELLO),
        # what nobody can understand is left for the library to refuse
        *((odd, odd) for odd in (
            b"SSH-2.0-OpenSSH_9.6p1\r\n\r\n", b"HTTP/1.1 20 X\r\n\r\n", CHUNKED + b"zz\r\n", CHUNKED + b"1\r\nab",
            OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            OK + b"Content-Length: +5\r\n\r\nhello")),
    ],
)  # fmt: skip
def test_an_answer_is_given_as_http_wants_it_in_whatever_pieces_it_comes(
    answer: bytes, given: bytes
) -> None:
    for size in (len(answer), 1):
        reader = AnswerBytes()
        reader.asked(b"GET / HTTP/1.1")
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        assert b"".join(map(reader.take, pieces)) == given


@pytest.mark.parametrize(
    ("method", "answer", "is_reusable"),
    [
        ("GET", HELLO, True),
        ("GET", HELLO + b"\r\n", False),
        ("GET", CHUNKED + b"0\r\nX: 1\r\n\r\n", True),
        ("GET", CHUNKED + b"0\r\n", False),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", True),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", False),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
        ("HEAD", HELLO, False),
        ("CONNECT", OK + b"\r\n", False),
        ("GET", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False),
        ("GET", OK + b"\r\nhello", False),
    ],
)
def test_a_connection_with_bytes_after_an_answer_is_not_used_again(
    method: str, answer: bytes, is_reusable: bool
) -> None:
    reader = AnswerBytes()
    reader.asked(f"{method} / HTTP/1.1".encode())
    reader.take(answer)
    assert reader.is_reusable is is_reusable


@pytest.mark.parametrize("begun", [OK + b"X: ", CHUNKED + b"5;", CHUNKED + b"0\r\n"])
def test_a_line_that_comes_byte_by_byte_costs_in_proportion_to_its_length(begun: bytes) -> None:
    def drip(size: int) -> None:
        reader = AnswerBytes()
        reader.asked(b"GET / HTTP/1.1")
        reader.take(begun)
        for _ in range(size):
            assert not reader.take(b"a")

    assert cost_ratio(drip, 2_000) < 32


async def test_the_rest_of_an_answer_is_not_the_answer_to_the_next_request(
    client: HttpClient,
) -> None:
    stale = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello" + HELLO
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while not reader.at_eof():
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(HELLO.replace(b"hello", b"right") if b" /b " in head else stale)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert (await client.send(HttpRequest("POST", f"{url}/a"))).status == 204
        assert (await client.send(HttpRequest("POST", f"{url}/b"))).content == b"right"
        assert len(connections) == 2
        for writer in connections:
            writer.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-x\r\n", r"something that is not HTTP \('SSH-2.0-x'\) from 127"),
        (b"HTTP/1.1 101 S\r\n\r\n", "switches to another protocol"),
        (b"HTTP/1.1 302 F\r\nLocation: /a\r\nLocation: /b\r\n\r\n", "given twice, and differs"),
        (b"HTTP/1.1 302 F\r\nLocation: http://localhost:9/\r\n\r\n",
         r"no answer from localhost \(where 127\.0\.0\.1 redirects\): "),
    ],
)  # fmt: skip
async def test_a_failure_names_what_came_and_from_where(
    client: HttpClient, answer: bytes, said: str
) -> None:
    with saying(answer) as address, pytest.raises(StepBroke, match=said):
        await client.send(HttpRequest("POST", address))


async def test_a_location_that_is_repeated_counts_once(client: HttpClient) -> None:
    odd = b"HTTP/1.1 302 F\r\nLocation: %b\r\nLocation: %b\r\n\r\n"
    with Trap({"/x": Gives(200)}) as there:
        place = f"{there.address}/x".encode()
        with saying(odd % (place, place)) as address:
            await client.send(HttpRequest("GET", address))
        assert [got.path for got in there.got] == ["/x"]
