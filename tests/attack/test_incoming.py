"""Hostile requests to trigger addresses: floods, slow bodies, malformed content, guessed tokens."""

import random
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.assembly import open_services
from app.settings.server import load
from app.triggers.trigger_document import RequestTrigger
from app.web.application import application
from tests.conftest import PLUGIN
from tests.harness.connection import Connection
from tests.harness.request_work import counted
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


CONNECTIONS = 6


def made(owner: httpx.Client, name: str, **body: Any) -> str:
    given = {"workflowId": "any", "verify": {"preset": "github", "secret": "SENDER"}, **body}
    return str(owner.put(f"/api/triggers/{name}", json=given).json()["url"])


def test_a_flood_at_one_address_delays_no_other_tenant(
    open_server: Server, owner: httpx.Client
) -> None:
    """Few requests of the flood are answered while one of another tenant waits."""
    url = made(owner, "flooded")
    is_over = threading.Event()
    refused = count()  # how many requests of the flood were answered; next() is atomic

    def flood() -> set[int]:
        seen = set()
        with httpx.Client() as client:
            while not is_over.is_set():
                seen.add(client.post(url, content=b"{}" * 2_000).status_code)
                next(refused)
        return seen

    with open_server.client(tenant="other") as other, ThreadPoolExecutor(CONNECTIONS) as pool:
        floods = [pool.submit(flood) for _ in range(CONNECTIONS)]
        while next(refused) < 20:
            time.sleep(0.01)
        before_ours = []
        for _ in range(40):
            before = next(refused)
            other.get("/api/workflows").raise_for_status()
            before_ours.append(next(refused) - before)
        is_over.set()
        assert set().union(*(one.result() for one in floods)) <= {401, 429}
    assert statistics.median(before_ours) <= 4 * CONNECTIONS, before_ours
    outcomes = owner.get("/api/triggers/flooded/firings").json()["firings"]
    assert len(outcomes) <= 10


def test_a_guessed_token_is_refused_without_a_hint(owner: httpx.Client) -> None:
    url = made(owner, "guessed")
    base, _, token = url.rpartition("/")
    with httpx.Client() as client:
        for guess in (
            near(token), token.lower(), token + "A", token[:-1], "a" * 43, "%00" * 43, "é" * 43
        ):  # fmt: skip
            answer = client.post(f"{base}/{guess}", content=b"{}")
            assert answer.status_code == 404, guess
            assert token not in answer.text


def near(token: str) -> str:
    """Return a token that differs from this one in its last character."""
    return token[:-1] + ("A" if token[-1] != "A" else "B")


async def test_a_guess_costs_the_same_work_however_near_it_is(tmp_path: Path) -> None:
    settings = load({"data": tmp_path}).settings
    async with open_services(settings) as services:
        await services.workflows.create("acme", nothing_to_do("any"))
        body = RequestTrigger.model_validate({"workflowId": "any", "verify": {"preset": "none"}})
        _, state = await services.triggers.kept.put("acme", "guessed", body)
        token = str(state.path).rpartition("/")[2]
        connection = Connection(application(services, "http://x"), settings)
        work = {}
        for guess in (near(token), "a" * len(token), token):
            request = f"POST /in/{guess} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
            work[guess] = (await counted(connection, request.encode())).all
        await services.runs.close(1)
    close, far, right = work.values()
    assert close == far < right, work


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
