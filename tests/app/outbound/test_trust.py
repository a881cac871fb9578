"""Additional CA certificates: trusted by every outgoing connection, checked at the start."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.files.s3 import S3Storage
from app.llm.transport import model_client
from app.outbound.http_client import HttpClient
from app.outbound.trust import trusted
from app.outbound.way_out import WayOut
from app.settings.server import Settings, SettingsError
from app.tools.mcp.http import http_client
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest
from tests.conftest import PLUGIN
from tests.harness.mail import certificate
from tests.harness.processes import run
from tests.harness.server import Server

LOCAL = [ip_network("127.0.0.0/8")]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Suppress the log of requests."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Suppress the errors of clients that reject the certificate."""


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def address(ca_file: Path) -> Iterator[str]:
    """Return the address of a server whose certificate only the configured file verifies."""
    server = _Quiet(("127.0.0.1", 0), _Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def demanding(ca_file: Path) -> Iterator[str]:
    """Return the address of a server that wants to see the client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_REQUIRED

    def refuse() -> None:
        talk, _ = listening.accept()
        secured = context.wrap_socket(talk, server_side=True, do_handshake_on_connect=False)
        with suppress(ssl.SSLError):
            secured.do_handshake()
        with socket.socket(fileno=secured.detach()) as left:
            while left.recv(65_536):  # a request that is not read would reset the connection
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=refuse, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


async def by_steps(address: str, ca_file: Path | None) -> int:
    client = HttpClient(LOCAL, WayOut(ca_file), 1)
    try:
        return (await client.send(HttpRequest("GET", address))).status
    finally:
        await client.close()


async def by_models(address: str, ca_file: Path | None) -> int:
    async with model_client(LOCAL, WayOut(ca_file), 1) as client:
        return (await client.get(address)).status_code


async def by_mcp(address: str, ca_file: Path | None) -> int:
    async with http_client({}, WayOut(ca_file), lambda: None) as client:
        return (await client.get(address)).status_code


async def by_s3(address: str, ca_file: Path | None) -> int:
    given = {
        "storage": "s3", "s3_bucket": "files", "s3_endpoint": address, "s3_region": "us-east-1",
        "s3_access_key": "a", "s3_secret_key": "b", "ca_file": ca_file,
    }  # fmt: skip
    storage = await S3Storage.open(Settings.model_validate(given))
    storage.close()
    return 200


@pytest.mark.parametrize("ask", [by_steps, by_models, by_mcp, by_s3])
async def test_each_client_trusts_the_certificate_only_with_the_file(
    address: str, ca_file: Path, ask: Callable[..., Any]
) -> None:
    assert await ask(address, ca_file) == 200
    with pytest.raises((StepBroke, SettingsError, httpx2.TransportError)) as refused:
        await ask(address, None)
    assert "certificate" in str(refused.value).lower() or "SSL" in str(refused.value)


@pytest.mark.parametrize("ask", [by_steps, by_models, by_mcp])
async def test_a_server_that_demands_a_certificate_is_named_as_the_cause(
    ca_file: Path, ask: Callable[..., Any]
) -> None:
    """In TLS 1.3 the refusal comes after the handshake, in place of the answer."""
    with (
        demanding(ca_file) as address,
        pytest.raises((StepBroke, httpx2.TransportError), match="certificate required"),
    ):
        await ask(address, ca_file)


def test_public_certificates_stay_trusted(ca_file: Path) -> None:
    assert len(trusted(ca_file).get_ca_certs()) == len(trusted(None).get_ca_certs()) + 1


def test_a_run_calls_a_server_with_such_a_certificate(
    tmp_path: Path, address: str, ca_file: Path
) -> None:
    flow = {
        "id": "call", "name": "Call", "initialStep": "get",
        "steps": [{"id": "get", "type": "call-api", "method": "GET", "url": address,
                   "retry": {"maxAttempts": 1}},
                  {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "get", "to": "end"}],
    }  # fmt: skip
    for trust, status in ({"STEPWELL_CA_FILE": str(ca_file)}, "completed"), ({}, "failed"):
        folder = tmp_path / status
        folder.mkdir()
        with Server(folder / "data", PLUGIN, **trust) as server, server.client() as client:
            client.post("/api/workflows", json=flow).raise_for_status()
            assert client.post("/api/workflow/start/call").json()["status"] == status


@pytest.mark.parametrize(("content", "said"), [
    (None, "No such file"), (b"", "no certificate"), (b"not a certificate", "no certificate"),
])  # fmt: skip
def test_an_unusable_file_stops_the_start(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    ended = run("serve", "--data", tmp_path / "data", "--port", "0", "--ca-file", file)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert f"ca_file {file} cannot be used" in ended.stderr
    assert said in ended.stderr
    assert not list((tmp_path / "data").glob("journal*"))
