"""Hostile requests to trigger addresses: floods, slow bodies, malformed content, guessed tokens."""

import random
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.server import Server
from tests.triggers.conftest import nothing_to_do


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("incoming")
    with Server(folder / "data", PLUGIN, STEPWELL_BODY_TIMEOUT="1") as server:
        yield server


@pytest.fixture(scope="module")
def owner(open_server: Server) -> Iterator[httpx.Client]:
    with open_server.client() as client:
        client.post("/api/workflows", json=nothing_to_do("any")).raise_for_status()
        client.put("/api/secrets/SENDER", json={"value": "s" * 32}).raise_for_status()
        yield client


def made(owner: httpx.Client, name: str, **body: Any) -> str:
    given = {"workflowId": "any", "verify": {"preset": "github", "secret": "SENDER"}, **body}
    return str(owner.put(f"/api/triggers/{name}", json=given).json()["url"])


def test_a_flood_at_one_address_delays_no_other_tenant(
    open_server: Server, owner: httpx.Client
) -> None:
    url = made(owner, "flooded")
    is_over = threading.Event()

    def flood() -> set[int]:
        seen = set()
        with httpx.Client() as client:
            while not is_over.is_set():
                seen.add(client.post(url, content=b"{}" * 2_000).status_code)
        return seen

    def asked(client: httpx.Client) -> float:
        began = time.perf_counter()
        client.get("/api/workflows").raise_for_status()
        return time.perf_counter() - began

    with open_server.client(tenant="other") as other, ThreadPoolExecutor(6) as pool:
        asked(other)
        floods = [pool.submit(flood) for _ in range(6)]
        time.sleep(0.3)
        took = [asked(other) for _ in range(40)]
        is_over.set()
        assert set().union(*(one.result() for one in floods)) <= {401, 429}
    assert statistics.median(took) < 0.25, took
    outcomes = owner.get("/api/triggers/flooded/firings").json()["firings"]
    assert len(outcomes) <= 10


def test_a_guessed_token_is_refused_without_a_hint(owner: httpx.Client) -> None:
    url = made(owner, "guessed")
    base, _, token = url.rpartition("/")
    near = token[:-1] + ("A" if token[-1] != "A" else "B")
    with httpx.Client() as client:
        for guess in (near, token.lower(), token + "A", token[:-1], "a" * 43, "%00" * 43, "é" * 43):
            answer = client.post(f"{base}/{guess}", content=b"{}")
            assert answer.status_code == 404, guess
            assert token not in answer.text
        took: dict[str, list[float]] = {near: [], "a" * 43: []}
        for _ in range(60):
            for guess, times in took.items():
                began = time.perf_counter()
                client.post(f"{base}/{guess}", content=b"{}")
                times.append(time.perf_counter() - began)
    one, other = (statistics.median(times) for times in took.values())
    assert abs(one - other) < 0.005, (one, other)


def test_slow_and_incomplete_bodies_leave_no_firing(
    open_server: Server, owner: httpx.Client
) -> None:
    path = made(owner, "slow", verify={"preset": "none"}).removeprefix(open_server.address)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    slow = [socket.create_connection(("127.0.0.1", open_server.port)) for _ in range(30)]
    for one in slow:
        one.sendall(f"{head}Content-Length: 20\r\n\r\n{{".encode())
    cut = socket.create_connection(("127.0.0.1", open_server.port))
    cut.sendall(f"{head}Content-Length: 20\r\n\r\n{{".encode())
    cut.close()
    with httpx.Client() as client:
        assert client.post(open_server.address + path, json={}).status_code == 202
    for one in slow:
        one.settimeout(10)
        assert b" 408 " in one.recv(200)
        one.close()
    assert len(owner.get("/api/triggers/slow/firings").json()["firings"]) == 1


def test_no_request_to_a_trigger_causes_a_server_error(
    open_server: Server, owner: httpx.Client
) -> None:
    dice = random.Random(11)
    url = made(owner, "fuzzed", verify={"preset": "none"}, perSecond=100,
               data={"b": "{{ request.body }}", "q": "{{ request.query }}"},
               when="request.body is defined", methods=["POST", "GET"])  # fmt: skip
    kinds = ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-16",
             "multipart/form-data; boundary=B", "multipart/form-data", "image/png", "", "x" * 300,
             "application/xml; charset=nope", "text/plain; charset=utf-7"]  # fmt: skip
    bodies = [b"", b"{", b"[" * 5_000, b'{"a":1,"a":2}', b"1e999", b"\xff\xfe\x00\xd8", b"a=%ff&b",
              b"--B\r\n\r\n--B--", b'--B\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--B--',
              b'"\\ud800"', b"null", b"[]", b"&" * 500, b"+ADw-", dice.randbytes(300)]  # fmt: skip
    with httpx.Client() as client:
        for number, kind in enumerate(kinds):
            for body in bodies:
                query = dice.choice(["", "?a=%ff", "?" + "&".join("a" * 5), "?" + "a=1&" * 150])
                answer = client.post(url + query, content=body, headers={"content-type": kind})
                assert answer.status_code < 500, (kind, body, answer.text)
            if number == 4:
                time.sleep(0.5)
        assert client.request("GET", url, content=b"x").status_code < 500
    assert "Traceback" not in open_server.log.read_text()
