"""Redirects carry no credentials to another origin; answers are bounded; cookies are dropped."""

import gzip
import zlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest

from app.outbound.http_client import HttpClient
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest, HttpResponse
from tests.attack.trap import Gives, Got, Trap
from tests.harness.server import Server

LOCAL = [ip_network("127.0.0.0/8")]
CANARY = b"canary-of-a-secret"
CREDENTIALS = {
    "Authorization": "Bearer canary-of-a-secret",
    "X-Api-Key": "canary-of-a-secret",
    "Cookie": "session=canary-of-a-secret",
    "X-Tenant-Token": "canary-of-a-secret",
    "Proxy-Authorization": "canary-of-a-secret",
}


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(LOCAL)
    yield made
    await made.close()


def to(address: str, status: int = 307) -> Gives:
    return Gives(status, {"location": address})


async def failed(client: HttpClient, request: HttpRequest) -> str:
    with pytest.raises(StepBroke) as broke:
        await client.send(request)
    return broke.value.error.type


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_confidential_request_is_not_redirected_to_another_origin(
    client: HttpClient, status: int, method: str
) -> None:
    with Trap() as other, Trap({"/": to(f"{other.address}/", status)}) as first:
        request = HttpRequest(
            method, f"{first.address}/", CREDENTIALS, content=CANARY, confidential=True
        )
        assert await failed(client, request) == "RedirectRefused"
        assert len(first.got) == 1
        assert other.got == []


@pytest.mark.parametrize("status", [302, 307])
async def test_headers_that_may_hold_credentials_are_dropped_on_a_redirect_to_another_origin(
    client: HttpClient, status: int
) -> None:
    with Trap() as other, Trap({"/": to(f"{other.address}/there", status)}) as first:
        headers = {**CREDENTIALS, "Idempotency-Key": "k", "Accept": "text/plain"}
        request = HttpRequest("POST", f"{first.address}/", headers, content=b"public")
        assert (await client.send(request)).status == 200
        (got,) = other.got
    assert CANARY.decode() not in str(got)
    assert (got.headers["idempotency-key"], got.headers["accept"]) == ("k", "text/plain")
    assert got.headers["host"] == f"127.0.0.1:{other.port}"


async def test_a_redirect_within_one_origin_keeps_headers_and_body(client: HttpClient) -> None:
    with Trap({"/": to("/b"), "/b": to("c?d=1"), "/c?d=1": Gives(body=b'"end"')}) as only:
        request = HttpRequest(
            "POST", f"{only.address}/", CREDENTIALS, content=CANARY, confidential=True
        )
        assert (await client.send(request)).content == b'"end"'
        assert [(got.path, got.body) for got in only.got] == [
            ("/", CANARY), ("/b", CANARY), ("/c?d=1", CANARY),
        ]  # fmt: skip
        assert only.got[-1].headers["x-api-key"] == CANARY.decode()


@pytest.mark.parametrize("hops", [1, 2, 3])
async def test_the_origin_is_checked_at_each_hop(client: HttpClient, hops: int) -> None:
    with Trap() as other:
        answers = {f"/{n}": to(f"/{n + 1}") for n in range(hops)}
        answers[f"/{hops}"] = to(f"{other.address}/")
        with Trap(answers) as first:
            request = HttpRequest("GET", f"{first.address}/0", CREDENTIALS, confidential=True)
            assert await failed(client, request) == "RedirectRefused"
            assert len(first.got) == hops + 1
        assert other.got == []


async def test_another_port_or_name_of_the_same_host_is_another_origin(client: HttpClient) -> None:
    with Trap() as first:
        for address in (f"http://localhost:{first.port}/", "http://127.0.0.1:1/"):
            first.answers = {"/": to(address)}
            request = HttpRequest("GET", f"{first.address}/", confidential=True)
            assert await failed(client, request) == "RedirectRefused"


async def test_a_url_with_a_password_is_confidential(client: HttpClient) -> None:
    with Trap() as other, Trap({"/": to(f"{other.address}/")}) as first:
        url = first.address.replace("://", "://me:canary@") + "/"
        assert await failed(client, HttpRequest("GET", url)) == "RedirectRefused"
        assert other.got == []


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("file:///etc/passwd", "InvalidResponse"),
        ("gopher://127.0.0.1/", "InvalidResponse"),
        ("//", "TooManyRedirects"),
        ("http://", "TooManyRedirects"),
        ("http://[::1", "InvalidResponse"),
        ("http://10.0.0.1/", "AddressNotAllowed"),
        ("http://169.254.169.254/latest/meta-data/", "AddressNotAllowed"),
        ("http://[::ffff:10.0.0.1]/", "AddressNotAllowed"),
        ("http://0xa000001/", "AddressNotAllowed"),
        ("/", "TooManyRedirects"),
    ],
)
async def test_a_redirect_to_a_forbidden_address_is_refused(
    client: HttpClient, location: str, error: str
) -> None:
    with Trap({"/": to(location)}) as first:
        assert await failed(client, HttpRequest("GET", f"{first.address}/")) == error


async def test_a_redirect_is_returned_if_redirects_are_not_followed(client: HttpClient) -> None:
    with Trap({"/": to("http://10.0.0.1/")}) as first:
        request = HttpRequest("GET", f"{first.address}/", follow_redirects=False)
        answer = await client.send(request)
    assert (answer.status, answer.headers["location"]) == (307, "http://10.0.0.1/")


async def test_cookies_are_not_sent_with_the_next_request(client: HttpClient) -> None:
    with Trap(lambda _: Gives(headers={"set-cookie": "session=canary; Path=/"})) as first:
        for _ in range(3):
            await client.send(HttpRequest("GET", f"{first.address}/"))
        assert ["cookie" in got.headers for got in first.got] == [False] * 3


ZEROS = bytes(50_000_000)


@pytest.mark.parametrize(
    ("encoding", "body", "error"),
    [
        ("gzip", gzip.compress(ZEROS, mtime=0), "ResponseTooLarge"),
        ("deflate", zlib.compress(ZEROS), "ResponseTooLarge"),
        ("gzip, gzip", gzip.compress(gzip.compress(ZEROS, mtime=0), mtime=0), "ResponseTooLarge"),
        ("gzip", b"this is not gzip", "InvalidResponse"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-12] + b"\0" * 12, "InvalidResponse"),
        ("", b"x" * 2_000_000, "ResponseTooLarge"),
    ],
    ids=["gzip", "deflate", "twice", "garbage", "damaged", "plain"],
)
async def test_an_answer_is_decompressed_only_up_to_the_limit(
    client: HttpClient, encoding: str, body: bytes, error: str
) -> None:
    import tracemalloc

    with Trap({"/": Gives(headers={"content-encoding": encoding}, body=body)}) as first:
        tracemalloc.start()
        assert await failed(client, HttpRequest("GET", f"{first.address}/")) == error
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 12_000_000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"a": 1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')[2:-4]),
        ("identity", b'{"a": 1}'),
    ],
)
async def test_a_compressed_answer_is_read(client: HttpClient, encoding: str, body: bytes) -> None:
    with Trap({"/": Gives(headers={"content-encoding": encoding}, body=body)}) as first:
        answer: HttpResponse = await client.send(HttpRequest("GET", f"{first.address}/"))
    assert answer.content == b'{"a": 1}'


SETTINGS: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"headers": {"x-plain": "text"}}, False),
    ({"headers": {"x-key": "{{ secrets.TOKEN }}"}}, True),
    ({"body": {"deep": ["{{ secrets.TOKEN }}"]}}, True),
    ({"query": {"q": "{{ secrets.TOKEN }}"}}, True),
    ({"text": "{{ secrets.TOKEN }}"}, True),
    ({"form": {"t": "{{ secrets.TOKEN }}"}}, True),
    ({"auth": {"type": "header", "name": "x-key", "value": "plain"}}, True),
    ({"auth": {"type": "bearer", "token": "plain"}}, True),
]


def test_a_step_with_a_secret_reports_the_refused_redirect(shared: Server) -> None:
    moved: dict[str, Gives] = {}

    def answer(got: Got) -> Gives:
        return moved["to"]

    with Trap() as other, Trap(answer) as first, shared.client() as client:
        moved["to"] = to(f"{other.address}/")
        client.put("/api/secrets/TOKEN", json={"value": CANARY.decode()})
        for settings, is_refused in SETTINGS:
            document = {
                "name": "Redirected", "initialStep": "call",
                "steps": [
                    {"id": "call", "type": "call-api", "method": "POST", "url": f"{first.address}/", **settings},
                    {"id": "end", "type": "end-flow"},
                ],
                "edges": [{"from": "call", "to": "end"}],
            }  # fmt: skip
            made = client.post("/api/workflows", json=document).json()
            run = client.post(f"/api/workflow/start/{made['id']}", json={}).json()
            assert run["status"] == ("failed" if is_refused else "completed"), settings
            if is_refused:
                assert run["error"]["type"] == "RedirectRefused"
                assert f"127.0.0.1:{other.port}" in run["error"]["message"]
    assert len(other.got) == 2
    assert CANARY not in str(other.got).encode()
