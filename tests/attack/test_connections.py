"""Raw connections: incomplete, slow, too many and ambiguous requests."""

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.attack.wire import connect, read, say
from tests.harness.server import Server

PLUGIN = Path(__file__).parents[1] / "harness" / "plugin.py"
HEADER_S = 0.6
DEFAULT_S = 10
"""The default timeout. This server has a shorter one; even a busy machine must end before this."""
MOST = 24
METRICS_TOKEN = "figures-for-the-tests"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {
        "STEPWELL_HEADER_TIMEOUT": str(HEADER_S),
        "STEPWELL_MAX_CONNECTIONS": str(MOST),
        "STEPWELL_BODY_TIMEOUT": "0.6",
        "STEPWELL_METRICS_TOKEN": METRICS_TOKEN,
    }
    with Server(tmp_path_factory.mktemp("strict") / "data", PLUGIN, **limits) as running:
        running.key()
        yield running


def head(server: Server, path: str = "/api/workflows", method: str = "POST", **more: str) -> bytes:
    """Return a request head with valid credentials, without the final empty line."""
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"x-api-key: {server.key()}"]
    lines += ["x-tenant-id: acme", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join(lines).encode() + b"\r\n"


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\na: b"]
)
def test_an_incomplete_header_times_out(strict: Server, sent: bytes) -> None:
    said = say(strict.port, sent, DEFAULT_S)
    assert said.closed
    assert said.statuses == [408]


def test_sending_a_header_byte_by_byte_does_not_extend_the_timeout(strict: Server) -> None:
    end, ended = time.monotonic() + DEFAULT_S, False
    with connect(strict.port) as slow:
        slow.settimeout(0.05)
        slow.send(b"GET /healthz HTTP/1.1\r\nx: ")
        while not ended:
            assert time.monotonic() < end
            try:
                slow.send(b"x")
                ended = slow.recv(1_000) is not None
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True


def test_the_second_request_of_a_connection_has_the_same_timeout(strict: Server) -> None:
    with connect(strict.port) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b'{"status":"ok"}' in read(kept, 0.3).text
        kept.sendall(b"GET /healthz HTTP/1.1\r\n")
        said = read(kept)
    assert (said.closed, said.statuses) == (True, [408])


def test_an_incomplete_body_times_out_and_a_complete_request_is_answered(strict: Server) -> None:
    said = say(strict.port, head(strict, content_length="100") + b'\r\n{"name": ', 1.5)
    assert said.statuses == [408]
    whole = say(strict.port, head(strict, content_length="2", connection="close") + b"\r\n{}")
    assert (whole.closed, whole.statuses) == (True, [400])


def test_a_form_that_is_too_long_is_refused_by_the_console_too(strict: Server) -> None:
    lines = b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n"
    assert say(strict.port, lines, 20).statuses == [413]  # the first request loads the console
    assert "Traceback" not in strict.log.read_text()


def test_a_body_that_breaks_off_leaves_no_traceback_in_the_log(strict: Server) -> None:
    for _ in range(5):
        with connect(strict.port) as leaving:
            leaving.sendall(head(strict, content_length="100") + b'\r\n{"name": ')
    time.sleep(0.3)
    assert httpx.get(f"{strict.address}/healthz").status_code == 200
    assert "Traceback" not in strict.log.read_text()


def test_idle_connections_are_closed_for_new_ones_and_busy_ones_are_not(strict: Server) -> None:
    time.sleep(HEADER_S + 0.3)
    request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    with contextlib.ExitStack() as held:
        idle = [held.enter_context(connect(strict.port)) for _ in range(MOST)]
        time.sleep(0.1)
        assert say(strict.port, request, 0.3).statuses == [200]
        assert read(idle[0], 1).closed
        idle[-1].sendall(request)
        assert b"200 OK" in idle[-1].recv(10_000)
        for connection in idle:
            connection.close()
        time.sleep(0.1)
        busy = [held.enter_context(connect(strict.port)) for _ in range(MOST)]
        for connection in busy:  # authenticated, body incomplete
            connection.sendall(head(strict, content_length="100") + b'\r\n{"name": ')
        time.sleep(0.1)
        refused = say(strict.port, request, 1)
        assert (refused.closed, refused.statuses) == (True, [503])
        assert read(busy[0], 1.5).statuses == [408]
    time.sleep(HEADER_S + 0.5)
    assert httpx.get(f"{strict.address}/healthz").status_code == 200


DOUBLE = [
    ("two lengths", "content-length: 4\r\ncontent-length: 60\r\n", b"{}{}"),
    ("lengths in one", "content-length: 4, 60\r\n", b"{}{}"),
    ("length and chunks", "content-length: 4\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n"),
    ("chunks and length", "transfer-encoding: chunked\r\ncontent-length: 4\r\n", b"0\r\n\r\n"),
    ("chunks twice", "transfer-encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    ("chunks by another name", "transfer-encoding: xchunked\r\n", b"0\r\n\r\n"),
    ("packed chunks", "transfer-encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    ("space before the colon", "content-length : 4\r\n", b"{}{}"),
    ("a folded line", "x: a\r\n content-length: 4\r\n", b"{}{}"),
    ("a negative length", "content-length: -4\r\n", b"{}{}"),
    ("a plus", "content-length: +4\r\n", b"{}{}"),
    ("hexadecimal", "content-length: 0x4\r\n", b"{}{}"),
    ("a huge length", f"content-length: {'9' * 400}\r\n", b"{}{}"),
    ("two hosts", "host: y\r\ncontent-length: 4\r\n", b"{}{}"),
    ("a null byte", "x: a\0b\r\ncontent-length: 4\r\n", b"{}{}"),
    ("chunk of no size", "transfer-encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
    ("chunk below nothing", "transfer-encoding: chunked\r\n", b"-2\r\n{}\r\n0\r\n\r\n"),
    ("chunk of another size", "transfer-encoding: chunked\r\n", b"1\r\n{}\r\n0\r\n\r\n"),
    ("chunk beyond all numbers", "transfer-encoding: chunked\r\n", b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n"),
    ("hexadecimal chunk", "transfer-encoding: chunked\r\n", b"0x2\r\n{}\r\n0\r\n\r\n"),
    ("space after a size", "transfer-encoding: chunked\r\n", b"2 \r\n{}\r\n0\r\n\r\n"),
    ("a size that ends with a line feed", "transfer-encoding: chunked\r\n", b"2\n{}\n0\n\n"),
    ("a line feed in an extension", "transfer-encoding: chunked\r\n", b"2;x\n2\r\n{}\r\n0\r\n\r\n"),
    ("chunk without its end", "transfer-encoding: chunked\r\n", b"2\r\n{}0\r\n\r\n"),
    ("a length in the trailer", "transfer-encoding: chunked\r\n", b"2\r\n{}\r\n0\r\ncontent-length: 5\r\n\r\n"),
    ("chunks in two fields", "transfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    ("identity", "transfer-encoding: identity\r\n", b"0\r\n\r\n"),
    ("identity and a length", "transfer-encoding: identity\r\ncontent-length: 2\r\n", b"{}"),
    ("quoted chunks", 'transfer-encoding: "chunked"\r\n', b"0\r\n\r\n"),
    ("chunks after a vertical tab", "transfer-encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    ("chunks and a comma", "transfer-encoding: chunked,\r\n", b"0\r\n\r\n"),
    ("no transfer", "transfer-encoding:\r\ncontent-length: 2\r\n", b"{}"),
    ("the same length twice", "content-length: 2\r\ncontent-length: 2\r\n", b"{}"),
    ("the same length in one", "content-length: 2, 2\r\n", b"{}"),
    ("no length", "content-length:\r\n", b"{}"),
    ("a length in two pieces", "content-length: 1 2\r\n", b"{}"),
    ("an underscore", "content-length: 1_0\r\n", b"{}"),
    ("the same host twice", "Host: x\r\ncontent-length: 2\r\n", b"{}"),
    ("a line that ends with a line feed", "x: a\ncontent-length: 2\r\n", b"{}"),
    ("a carriage return in a value", "x: a\rcontent-length: 60\r\n", b"{}"),
    ("no colon", "x\r\ncontent-length: 2\r\n", b"{}"),
    ("no name", ": a\r\ncontent-length: 2\r\n", b"{}"),
    ("a name with a space in it", "x y: a\r\ncontent-length: 2\r\n", b"{}"),
    ("a name that is no ASCII", "\xfc: a\r\ncontent-length: 2\r\n", b"{}"),
]  # fmt: skip
SMUGGLED = b"GET /healthz HTTP/1.1\r\nhost: smuggled\r\n\r\n"


@pytest.mark.parametrize(("why", "fields", "body"), DOUBLE, ids=[row[0] for row in DOUBLE])
def test_an_ambiguous_request_is_refused_and_closes_the_connection(
    strict: Server, why: str, fields: str, body: bytes
) -> None:
    said = say(strict.port, head(strict) + fields.encode() + b"\r\n" + body + SMUGGLED)
    # Where two parsers could disagree about the end of the body, no second request may pass.
    assert said.closed, said
    assert said.statuses, "closed without an answer"
    assert all(400 <= status < 500 or status == 501 for status in said.statuses), said
    assert b'"ok"' not in said.text, said
    assert "Traceback" not in strict.log.read_text()


LINES = [
    ("HTTP/0.9", b"GET /healthz\r\n"),
    ("HTTP/0.9 by name", b"GET /healthz HTTP/0.9\r\nhost: x\r\n"),
    ("HTTP/1.2", b"GET /healthz HTTP/1.2\r\nhost: x\r\n"),
    ("HTTP/1.10", b"GET /healthz HTTP/1.10\r\nhost: x\r\n"),
    ("HTTP/2.0", b"GET /healthz HTTP/2.0\r\nhost: x\r\n"),
    ("small letters", b"GET /healthz http/1.1\r\nhost: x\r\n"),
    ("no host", b"GET /healthz HTTP/1.1\r\n"),
    ("chunks in HTTP/1.0", b"POST /sign-in HTTP/1.0\r\ntransfer-encoding: chunked\r\n"),
    ("line feeds", b"GET /healthz HTTP/1.1\nhost: x\n"),
    ("a folded first field", b"GET /healthz HTTP/1.1\r\n x: y\r\nhost: x\r\n"),
    ("a folded field", b"GET /healthz HTTP/1.1\r\nx: y\r\n\tz\r\nhost: x\r\n"),
    ("a space before the method", b" GET /healthz HTTP/1.1\r\nhost: x\r\n"),
    ("a space after the version", b"GET /healthz HTTP/1.1 \r\nhost: x\r\n"),
    ("a space in the target", b"GET /health z HTTP/1.1\r\nhost: x\r\n"),
    ("a tab after the method", b"GET\t/healthz HTTP/1.1\r\nhost: x\r\n"),
    ("a target without a slash", b"GET healthz HTTP/1.1\r\nhost: x\r\n"),
    ("a method that nobody knows", b"BREW /healthz HTTP/1.1\r\nhost: x\r\n"),
    ("a method in small letters", b"get /healthz HTTP/1.1\r\nhost: x\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "lines"), LINES, ids=[row[0] for row in LINES])
def test_an_invalid_request_line_is_refused_and_closes_the_connection(
    strict: Server, why: str, lines: bytes
) -> None:
    said = say(strict.port, lines + b"\r\n" + SMUGGLED)
    assert (said.closed, said.statuses) == (True, [400])
    assert b'"ok"' not in said.text, said


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://x/healthz HTTP/1.1", 200),
        (b"GET http://other:99/healthz HTTP/1.1", 200),
        (b"GET http://x?a=/healthz HTTP/1.1", 303),
        (b"GET ftp://x/healthz HTTP/1.1", 404),
        (b"OPTIONS * HTTP/1.1", 404),
        (b"CONNECT x:443 HTTP/1.1", 404),
        (b"GET /healthz#x HTTP/1.1", 404),
        (b"GET //healthz HTTP/1.1", 404),
        (b"GET /health%7a HTTP/1.1", 200),
        (b"GET /healthz%0a HTTP/1.1", 404),
        (b"GET /healthz%00 HTTP/1.1", 404),
    ],
)
def test_every_form_of_a_target_is_one_request(strict: Server, line: bytes, status: int) -> None:
    last = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    said = say(strict.port, line + b"\r\nhost: x\r\n\r\n" + last)
    assert said.statuses == [status, 404], said


def test_a_trailer_is_not_read_as_a_header(strict: Server) -> None:
    lines = b"POST /api/workflows HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    trailer = f"2\r\n{{}}\r\n0\r\nx-api-key: {strict.key()}\r\nx-tenant-id: acme\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert say(strict.port, lines + trailer.encode() + last).statuses == [401, 200]


@pytest.mark.parametrize("frames", [b"0\r\nx: ", b"2;x="], ids=["trailer", "extension"])
def test_trailers_and_chunk_extensions_have_a_length_limit(strict: Server, frames: bytes) -> None:
    lines = b"POST /sign-in HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    with connect(strict.port) as slow, contextlib.suppress(ConnectionError):
        slow.sendall(lines + b"2\r\n{}\r\n" + frames + b"y" * 200_000)
        said = read(slow, 5)
        assert (said.closed, said.statuses) == (True, [400])
        assert b"longer than 65,536 bytes" in said.text


@pytest.mark.parametrize("framing", ["content-length: {}", "transfer-encoding: chunked"])
def test_the_body_of_an_upgrade_request_is_not_read_as_a_request(
    strict: Server, framing: str
) -> None:
    hidden = b'{"x":"' + SMUGGLED.replace(b"\r\n", b" ") + b'"}'
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)
    body = hidden if "length" in framing else chunked
    fields = f"connection: upgrade\r\nupgrade: h2c\r\n{framing.format(len(hidden))}\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    said = say(strict.port, head(strict) + fields.encode() + body + last)
    assert said.statuses == [400, 404], said
    assert b"name: is required" in said.text, "the body was not read"
    whole = head(strict) + fields.encode() + SMUGGLED + last
    assert 200 not in say(strict.port, whole, 1).statuses


def test_an_invalid_request_is_refused_after_the_answers_before_it(strict: Server) -> None:
    one = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    said = say(strict.port, one * 3 + b"\0" + one)
    assert (said.closed, said.statuses) == (True, [200, 200, 200, 400])


def test_a_header_sent_in_pieces_has_the_same_length_limit(strict: Server) -> None:
    for field in (b"x: " + b"y" * 200_000, b"x: y\r\n" * 30_000, b""):
        with connect(strict.port) as slow, contextlib.suppress(ConnectionError):
            slow.sendall(b"GET /" + (b"" if field else b"z" * 200_000) + b" HTTP/1.1\r\n")
            for at in range(0, len(field), 20_000):
                slow.sendall(field[at : at + 20_000])
                time.sleep(0.01)
            said = read(slow, 5)
            assert (said.closed, said.statuses) == (True, [400])
            assert b"longer than 65,536 bytes" in said.text


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET " + b"/a" * 200_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(30_000)),
        b"\r\n" * 50_000,
        b"\0" * 1_000,
        b"GET http://[::1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET /ü HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
    ],
    ids=range(9),
)
def test_bytes_that_are_not_a_request_are_refused(strict: Server, garbage: bytes) -> None:
    said = say(strict.port, garbage)
    assert said.closed
    assert said.statuses, "closed without an answer"
    assert all(400 <= status < 500 for status in said.statuses), said
    assert "Traceback" not in strict.log.read_text()


def test_a_request_to_upgrade_to_websocket_is_answered_as_plain_http(strict: Server) -> None:
    fields = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    request = head(strict, method="GET") + fields.encode() + b"sec-websocket-key: eA==\r\n\r\n"
    assert say(strict.port, request, 1).statuses == [200]


def test_pipelined_requests_are_answered_in_order(strict: Server) -> None:
    one = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert say(strict.port, one * 50 + last).statuses == [200] * 50 + [404]


def test_a_client_that_never_reads_does_not_slow_down_others(strict: Server) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(5):
            deaf = held.enter_context(connect(strict.port))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 2_000)
        beside = _cost_of_a_look(strict)
    assert beside < 10 * _cost_of_a_look(strict)


def _cost_of_a_look(server: Server) -> float:
    """Return the server's processor time for some small requests, the least of five times."""
    costs = []
    for _ in range(5):
        before = server.computed_s()
        for _ in range(20):
            assert httpx.get(f"{server.address}/healthz", timeout=60).status_code == 200
        costs.append(server.computed_s() - before)
    return min(costs)


def test_a_request_ends_when_its_client_disconnects(strict: Server) -> None:
    nap = {"id": "nap", "type": "wait", "duration": "1h"}
    definition = {
        "id": "nap", "name": "nap", "initialStep": "nap",
        "steps": [nap, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "nap", "to": "end"}],
    }  # fmt: skip
    with strict.client() as client:
        assert client.post("/api/workflows", json=definition).status_code == 201
        _until(lambda: _in_flight(client) == 1)  # connections of earlier tests are closed
        connection = connect(strict.port)
        connection.sendall(
            head(strict, "/api/workflow/start/nap", content_length="11") + b'\r\n{"data":{}}'
        )
        _until(lambda: _in_flight(client) == 2)  # the start, and the request for /metrics
        connection.close()
        _until(lambda: _in_flight(client) == 1)
        (run,) = client.get("/api/workflow/runs").json()["runs"]
        assert run["status"] == "running"


def _in_flight(client: httpx.Client) -> int:
    shown = client.get("/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"})
    found = re.search(r"^stepwell_requests_in_flight (\d+)\.0$", shown.text, re.MULTILINE)
    assert found
    return int(found[1])


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
