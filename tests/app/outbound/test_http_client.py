"""HTTP requests of steps over real sockets: addresses, answers, failures and tenants' shares."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from app.outbound.http_client import HttpClient
from app.outbound.sink import Sink
from steps.contract.step_type import ResponseUnreadable, StepBroke
from steps.effects.http_messages import HttpRequest
from steps.http.response_body import read_body
from tests.attack.trap import Gives, Trap
from tests.harness.bytes_server import saying

LOCAL = [ip_network("127.0.0.0/8")]


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(LOCAL, most=10)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("path", "query", "sent"),
    [
        ("/x?token=a%20b", (("page", "2"),), "/x?token=a%20b&page=2"),
        ("/x", (("a", "1"), ("a", "ä &")), "/x?a=1&a=%C3%A4+%26"),
        ("/x?", (("a", "1"),), "/x?a=1"),
        ("/x?a=1&", (("b", "2"),), "/x?a=1&b=2"),
        ("/x?a=1#part", (("a", "2"),), "/x?a=1&a=2"),
        ("/x?a=1", (), "/x?a=1"),
    ],
)
async def test_a_query_is_added_to_that_of_the_address(
    client: HttpClient, path: str, query: tuple[tuple[str, str], ...], sent: str
) -> None:
    with Trap() as there:
        await client.send(HttpRequest("GET", there.address + path, query=query))
    assert there.got[0].path == sent


async def test_credentials_in_the_url_are_basic_auth_unless_a_header_is_set(
    client: HttpClient,
) -> None:
    with Trap() as there:
        address = there.address.replace("//", "//me:p%40ss@")
        await client.send(HttpRequest("GET", address))
        await client.send(HttpRequest("GET", address, {"authorization": "Bearer t"}))
    assert [got.headers["authorization"] for got in there.got] == ["Basic bWU6cEBzcw==", "Bearer t"]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:99999/", "http://h:\u0663/", "http://127.0.0.1:0/", "http://127.0.0.1:-1/", "http://h:²/",
     "http://127.0.0.1\\@example.com/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/",
     "http://xn--a-\x7f/", "http://a\x00b/", "http://\ud800/", "http://a b/\n",
     "http://☃\u0301.example/", "ftp://example.com/", "//example.com/", "example.com", "http://",
     "http://h:+81/", "http://h:8_1/", "http://h:\u0663@[::1]:\u0663/", "http://a]b/", "http://h\u2100/",
     "http://[::1", "http://" + "ä" * 300 + ".example/", "http://" + "a" * 70_000, ""],
)  # fmt: skip
async def test_an_invalid_address_is_an_invalid_request(client: HttpClient, url: str) -> None:
    with pytest.raises(StepBroke) as broke:
        await client.send(HttpRequest("GET", url))
    error = broke.value.error
    assert (error.type, error.retryable) == ("InvalidRequest", False)
    assert error.message.startswith("the url is not valid: ")


async def test_an_answer_in_an_unknown_encoding_is_kept_unchanged(client: HttpClient) -> None:
    head = b"HTTP/1.1 201 Created\r\nContent-Encoding: br\r\nContent-Type: application/json\r\n"
    answer = head + b"Content-Length: 2\r\n\r\n\x8b\x00"
    with saying(answer) as address, pytest.raises(ResponseUnreadable) as broke:
        await client.send(HttpRequest("POST", address))
    assert broke.value.response.content == b"\x8b\x00"
    assert read_body(broke.value.response, "auto") == {"body": "iwA=", "encoding": "base64"}


async def test_a_password_is_never_in_errors_about_an_address(client: HttpClient) -> None:
    with pytest.raises(StepBroke) as broke:
        await client.send(HttpRequest("GET", "http://me:top-secret/word@example.com/"))
    assert "secret" not in broke.value.error.message


async def test_a_failed_connection_names_its_cause(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(StepBroke, match="Connection refused") as broke:
        await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/"))
    assert broke.value.error.type == "ConnectionFailed"
    with pytest.raises(StepBroke, match=r"nowhere\.invalid cannot be found: ."):
        await client.send(HttpRequest("GET", "http://nowhere.invalid/"))
    with saying(b"") as address, pytest.raises(StepBroke, match="without sending a response"):
        await client.send(HttpRequest("GET", address))
    with (
        saying(b"nonsense\r\n\r\n") as address,
        pytest.raises(StepBroke, match=r"127\.0\.0\.1: \w"),
    ):
        await client.send(HttpRequest("GET", address))


@pytest.mark.parametrize(
    ("headers", "body", "kind", "said"),
    [
        (b"Content-Encoding: gzip\r\nContent-Length: 20\r\n", gzip.compress(b"x" * 99, mtime=0)[:20],
         "InvalidResponse", "broken off"),
        (b"Content-Encoding: br\r\nContent-Length: 2\r\n", b"xx", "InvalidResponse", "responseType to base64"),
        (b"Content-Length: 2000\r\n", b"x" * 2_000, "ResponseTooLarge", "raise maxResponseBytes"),
        (b"Content-Length: 50\r\n", b"x" * 7, "ConnectionFailed", "broke off after 7 bytes"),
    ],
)  # fmt: skip
async def test_an_error_for_an_unusable_answer_shows_what_was_received(
    client: HttpClient, headers: bytes, body: bytes, kind: str, said: str
) -> None:
    answer = b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\n" + headers + b"\r\n" + body
    with saying(answer) as address, pytest.raises(ResponseUnreadable) as broke:
        await client.send(HttpRequest("POST", address, max_response_bytes=1_000))
    assert broke.value.error.type == kind
    for part in ("status 201", "text/plain", "bytes", said):
        assert part in broke.value.error.message
    assert broke.value.response.status == 201


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2_000,
    ],
)
async def test_an_error_for_a_file_names_no_setting_that_files_do_not_have(
    client: HttpClient, answer: bytes
) -> None:
    async def write(piece: bytes) -> None:
        assert piece

    sink = Sink(lambda _: True, write)
    with saying(answer) as address, pytest.raises(ResponseUnreadable) as broke:
        await client.send(HttpRequest("GET", address, max_response_bytes=1_000), sink=sink)
    assert "responseType" not in broke.value.error.message


async def test_a_body_may_be_kept_undecoded(client: HttpClient) -> None:
    packed = gzip.compress(b"hello", mtime=0)[:12]
    with Trap({"/": Gives(headers={"Content-Encoding": "gzip"}, body=packed)}) as there:
        found = await client.send(HttpRequest("GET", f"{there.address}/", take="as-sent"))
    assert found.content == packed


async def test_without_interest_in_the_body_the_header_suffices(
    client: HttpClient,
) -> None:
    header = b"HTTP/1.1 202 Accepted\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n"
    with saying(header + b"slow", keep_open=True) as address:
        wanted = HttpRequest("POST", address, take="nothing", timeout_s=5)
        assert (await client.send(wanted)).status == 202


@pytest.mark.parametrize("length", ["3", "30", "x"])
async def test_a_wrong_content_length_is_refused(client: HttpClient, length: str) -> None:
    headers = {"Content-Length": length}
    with Trap() as there:
        request = HttpRequest("POST", f"{there.address}/", headers, content=b"abcdef")
        with pytest.raises(StepBroke, match="and the body has 6 bytes") as broke:
            await client.send(request)
    assert (broke.value.error.type, there.got) == ("InvalidRequest", [])


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [("POST", 301, "GET"), ("POST", 302, "GET"), ("POST", 303, "GET"), ("POST", 308, "POST"),
     ("PUT", 302, "PUT"), ("PATCH", 301, "PATCH"), ("DELETE", 303, "GET"), ("HEAD", 303, "HEAD")],
)  # fmt: skip
async def test_a_redirect_keeps_the_method_as_browsers_do(
    client: HttpClient, method: str, status: int, then: str
) -> None:
    with Trap({"/": Gives(status, {"Location": "/b"})}) as there:
        await client.send(HttpRequest(method, f"{there.address}/", content=b"x"))
        assert [got.method for got in there.got] == [method, then]


async def test_an_answer_that_is_not_http_is_reported_as_such(client: HttpClient) -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n") as address:
        reported = r"the answer \(status 200\) is not valid HTTP, from"
        with pytest.raises(StepBroke, match=reported) as broke:
            await client.send(HttpRequest("POST", address))
        assert "bytearray" not in broke.value.error.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 201 Created\r\nContent-Ty", "only the status 201 from 127"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", "status 200"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", "no answer from"),
    ],
)
async def test_an_incomplete_header_is_reported_with_what_was_received(
    client: HttpClient, answer: bytes, said: str
) -> None:
    with saying(answer) as address, pytest.raises(StepBroke, match=said):
        await client.send(HttpRequest("POST", address))


async def test_without_interest_in_the_rest_the_status_line_suffices(
    client: HttpClient,
) -> None:
    for before in (b"", b"\r\n"):
        with saying(before + b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n") as address:
            found = await client.send(HttpRequest("POST", address, take="nothing"))
        assert found.status == 200
    odd = b"HTTP/1.1 302 Found\r\nContent-Length: +1\r\n\r\n"
    with saying(odd) as address, pytest.raises(StepBroke, match="status 302"):
        await client.send(HttpRequest("POST", address, take="nothing"))


async def test_each_cookie_of_an_answer_is_kept_separate(client: HttpClient) -> None:
    cookies = b"Set-Cookie: a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT\r\nSet-Cookie: b=2\r\n"
    more = b"Link: </a>\r\nLink: </b>\r\nContent-Length: 0\r\n\r\n"
    with saying(b"HTTP/1.1 200 OK\r\n" + cookies + more) as address:
        found = (await client.send(HttpRequest("GET", address))).headers
    assert found["set-cookie"] == "a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT\nb=2"
    assert found["link"] == "</a>, </b>"


async def test_a_server_without_tls_is_reported_as_such(client: HttpClient) -> None:
    plain = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with saying(plain) as address, pytest.raises(StepBroke, match="may begin with http://"):
        await client.send(HttpRequest("GET", address.replace("http:", "https:")))


@pytest.mark.parametrize("location", ["http://[", "http://h:99999/", "file:///x"])
async def test_a_redirect_without_a_valid_address_fails_unless_not_followed(
    client: HttpClient, location: str
) -> None:
    with Trap({"/": Gives(302, {"Location": location})}) as there:
        url = f"{there.address}/"
        with pytest.raises(StepBroke, match="followRedirects to false") as broke:
            await client.send(HttpRequest("POST", url))
        assert broke.value.error.type == "InvalidResponse"
        assert (await client.send(HttpRequest("POST", url, follow_redirects=False))).status == 302


async def test_unanswered_calls_of_a_tenant_occupy_only_its_share(
    client: HttpClient,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, Trap() as there:
        silent = HttpRequest("GET", f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        waiting = [asyncio.create_task(client.send(silent, "loud")) for _ in range(20)]
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            found = await client.send(HttpRequest("GET", f"{there.address}/"), "quiet")
        assert found.status == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(
    ("method", "repeated"), [("GET", True), ("HEAD", True), ("POST", False), ("DELETE", False)]
)
async def test_only_a_safe_request_that_meets_the_end_of_an_idle_connection_is_sent_again(
    client: HttpClient, method: str, repeated: bool
) -> None:
    """The server closes its first connection when a second request comes on it."""
    seen: list[int] = []
    ended = asyncio.Queue[None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = not seen
        while not (first and len(seen) == 1 and await reader.readuntil(b"\r\n\r\n")):
            await reader.readuntil(b"\r\n\r\n")
            seen.append(0 if first else 1)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            if not first:
                break
        writer.close()
        await writer.wait_closed()
        ended.put_nowait(None)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await client.send(HttpRequest("GET", url))
        sending = client.send(HttpRequest(method, url))
        if repeated:
            assert (await sending).status == 204
            await ended.get()
        else:
            with pytest.raises(StepBroke, match=r"no answer from 127\.0\.0\.1"):
                await sending
        assert seen == ([0, 1] if repeated else [0])
        await ended.get()


async def test_a_failure_on_a_new_connection_is_not_repeated(client: HttpClient) -> None:
    with saying(b"") as address, pytest.raises(StepBroke, match="no answer"):
        await client.send(HttpRequest("GET", address))


@pytest.mark.parametrize(
    ("sent", "note"),
    [
        (b"", "no answer from 127.0.0.1 by then"),
        (b"HTTP/1.1 201 Created\r\nX: ", "only the status 201 from 127.0.0.1 by then"),
        (
            b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nab",
            "2 bytes of the answer (status 201, no content type, 9 bytes) had come by then",
        ),
    ],
)
async def test_a_request_that_is_stopped_says_what_had_come(
    client: HttpClient, sent: bytes, note: str
) -> None:
    with saying(sent, keep_open=True) as address, pytest.raises(TimeoutError) as late:
        async with asyncio.timeout(1):
            await client.send(HttpRequest("POST", address))
    assert getattr(late.value.__cause__, "__notes__", None) == [note]
