"""All outgoing connections use the configured proxy, and none from the environment."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from app.files.s3 import S3Storage
from app.llm.transport import model_client
from app.outbound.http_client import HttpClient
from app.outbound.proxy import Proxy
from app.outbound.way_out import WayOut
from app.settings.server import Settings, SettingsError, load
from app.telemetry.otlp import OtlpExporter
from app.telemetry.traces import Span
from app.tools.mcp.http import http_client
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest, Take
from tests.attack.trap import Trap
from tests.harness.mail import certificate

HERE = ip_network("127.0.0.0/8")
WHO = base64.b64encode(b"me:p@ss").decode()


class _Relay(BaseHTTPRequestHandler):
    """A proxy that records its requests and sends all of them to one server."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers["proxy-authorization"]))
        body = b"by proxy"
        self.send_response(200 if self.headers["proxy-authorization"] else 407)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers["proxy-authorization"]))
        self.close_connection = True
        if not self.headers["proxy-authorization"]:
            self.send_error(407)
            return
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.server.leads_to)) as far:
            far_to_near = threading.Thread(target=_copy, args=(far, self.connection), daemon=True)
            far_to_near.start()
            _copy(self.connection, far)
            far_to_near.join()

    def log_message(self, *_: object) -> None:
        """Suppress the log of requests."""


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while content := source.recv(65_536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def relay(ca_file: Path) -> Iterator[Any]:
    with Trap() as far:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca_file)
        far.server.socket = context.wrap_socket(far.server.socket, server_side=True)
        made: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Relay)
        made.daemon_threads = True
        made.asked, made.leads_to, made.far = [], far.port, far
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()
        made.server_close()


@pytest.fixture(autouse=True)
def _unknown_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail lookups at once for names that only the proxy knows, on any machine."""
    real = socket.getaddrinfo

    def looked_up(host: Any, *rest: Any, **named: Any) -> Any:
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


def way(relay: Any, ca_file: Path | None = None, who: str = "me:p%40ss@", *left_out: str) -> WayOut:
    proxy = Proxy(f"http://{who}127.0.0.1:{relay.server_port}", left_out)
    return WayOut(ca_file, proxy=proxy)


async def test_plain_requests_carry_the_absolute_url_and_proxy_credentials(relay: Any) -> None:
    client = HttpClient([], way(relay))
    found = await client.send(HttpRequest("GET", "http://only-the-proxy-knows.invalid/x?y=1"))
    await client.close()
    assert found.content == b"by proxy"
    assert relay.asked == [("GET", "http://only-the-proxy-knows.invalid/x?y=1", f"Basic {WHO}")]


async def test_tls_requests_use_a_tunnel_and_verify_the_target(relay: Any, ca_file: Path) -> None:
    # The certificate is for 127.0.0.1, so the network guard has to allow that.
    client = HttpClient([HERE], way(relay, ca_file))
    with pytest.raises(StepBroke, match="certificate"):
        await client.send(HttpRequest("GET", "https://other.invalid/"))
    await client.close()
    assert relay.asked == [("CONNECT", "other.invalid:443", f"Basic {WHO}")]
    assert relay.far.got == []


@pytest.mark.parametrize("address", ["http://10.0.0.1/", "http://169.254.169.254/", "https://0xa000001/", "http://[fd00::1]/"])  # fmt: skip
async def test_the_proxy_is_not_used_for_refused_internal_addresses(
    relay: Any, address: str
) -> None:
    client = HttpClient([], way(relay))
    with pytest.raises(StepBroke) as broke:
        await client.send(HttpRequest("GET", address))
    await client.close()
    assert broke.value.error.type == "AddressNotAllowed"
    assert relay.asked == []


async def test_excluded_hosts_are_reached_directly(relay: Any) -> None:
    with Trap() as near:
        client = HttpClient([HERE], way(relay))
        assert (await client.send(HttpRequest("GET", near.address))).content == b"{}"
        await client.close()
    assert relay.asked == []


@pytest.mark.parametrize("take", ["unpacked", "nothing"])
async def test_a_proxy_that_refuses_is_named_without_its_password(relay: Any, take: Take) -> None:
    client = HttpClient([], way(relay, None, ""))
    reported = r"the proxy does not connect to other\.invalid: 407 [\w ]+$"
    with pytest.raises(StepBroke, match=reported) as broke:
        await client.send(HttpRequest("GET", "https://other.invalid/", take=take))
    await client.close()
    assert broke.value.error.type == "ConnectionFailed"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_away_is_named(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = HttpClient([], WayOut(proxy=Proxy(f"http://127.0.0.1:{port}")))
    with pytest.raises(
        StepBroke, match=r"other\.invalid: Connection refused \(through the proxy\)"
    ):
        await client.send(HttpRequest("GET", f"{scheme}://other.invalid/"))
    await client.close()


async def test_models_and_mcp_servers_are_reached_through_the_proxy(relay: Any) -> None:
    async with model_client([], way(relay), 1) as client:
        assert (await client.get("http://model.invalid/v1")).text == "by proxy"
    async with http_client({}, way(relay), lambda: None) as client:
        assert (await client.get("http://mcp.invalid/")).text == "by proxy"
    assert [path for _, path, _ in relay.asked] == [
        "http://model.invalid/v1",
        "http://mcp.invalid/",
    ]


async def test_a_bucket_is_reached_through_the_configured_proxy_only(
    relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Trap() as bucket, Trap() as wrong:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, wrong.address)
        given = {
            "storage": "s3", "s3_bucket": "files", "s3_region": "us-east-1",
            "s3_access_key": "a", "s3_secret_key": "b", "s3_endpoint": bucket.address,
        }  # fmt: skip
        (await S3Storage.open(Settings.model_validate(given))).close()
        assert (len(bucket.got), wrong.got) == (1, [])
        proxied = {**given, "s3_endpoint": "http://bucket.invalid", "no_proxy": ["x.invalid"],
                   "proxy": f"http://me:p%40ss@127.0.0.1:{relay.server_port}"}  # fmt: skip
        (await S3Storage.open(Settings.model_validate(proxied))).close()
        assert relay.asked == [("HEAD", "http://bucket.invalid/files", f"Basic {WHO}")]
        assert wrong.got == []


async def test_traces_are_sent_through_the_configured_proxy_only(
    relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    settings = Settings.model_validate({"otlp_endpoint": "http://collector.invalid"})
    proxy = way(relay).proxy
    assert proxy is not None
    exporter = OtlpExporter(settings, proxy.url)
    exporter.span(Span("1" * 32, "2" * 16, "", "run x", "internal", 1, 2))
    await exporter.close()
    assert relay.asked == [("POST", "http://collector.invalid/v1/traces", f"Basic {WHO}")]


@pytest.mark.parametrize(
    ("host", "is_left_out"),
    [("localhost", True), ("127.0.0.9", True), ("::1", True), ("corp.example", True),
     ("db.corp.example.", True), ("CORP.example", True), ("notcorp.example", False),
     ("10.1.2.3", True), ("11.1.2.3", False), ("fd00::5", True), ("example.com", False)],
)  # fmt: skip
def test_names_and_networks_are_excluded(host: str, is_left_out: bool) -> None:
    proxy = Proxy("http://p:1", [".corp.example", "10.0.0.0/8", "fd00::/8", "nonsense/99"])
    assert proxy.is_left_out(host) is is_left_out


@pytest.mark.parametrize("value", ["proxy:8080", "socks5://h:1", "http:///x", "http://h:1/path", "http://a b"])  # fmt: skip
def test_an_invalid_proxy_is_reported_without_showing_it(value: str) -> None:
    with pytest.raises(SettingsError, match="proxy") as wrong:
        load({"proxy": value})
    assert value not in str(wrong.value)
