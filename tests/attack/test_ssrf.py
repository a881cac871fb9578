"""SSRF: no step reaches an internal address, however it is written or resolved."""

import itertools
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.outbound.http_client import HttpClient
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest
from tests.attack.trap import Trap
from tests.harness.server import Server

PLUGIN = Path(__file__).parents[1] / "harness" / "plugin.py"
LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7F.0x0.0x0.0x1",
    "0177.0.0.1", "017700000001", "127.255.255.254", "0", "0.0.0.0", "0x0", "localhost", "LOCALHOST",
    "localhost.", "ip6-localhost", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛocalhost",
]  # fmt: skip
INSIDE = [
    "10.0.0.1", "10.1", "167772161", "0xa000001", "012.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.0.1", "192.168.1", "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25lo]", "[fec0::1]",
    "[fc00::1]", "[ff02::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "192.0.2.1", "203.0.113.1", "[2001:db8::1]", "[100::1]",
]  # fmt: skip
TRICKS = [
    "http://example.com@127.0.0.1:{port}/", "http://example.com:80@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/", "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}?@example.com/", "http://127.0.0.1%00.example.com:{port}/",
    "http://127.0.0.1%2f.example.com:{port}/", "http://127.0.0.1:{port}%40example.com/",
    "http://[::1]@127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "http:127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/", " http://127.0.0.1:{port}/", "http://127.0.0.1:{port} /",
    "ht\ntp://127.0.0.1:{port}/", "http://127.0.0.1\n:{port}/", "http://127.0.0.1\t:{port}/",
    "HTTP://127.0.0.1:{port}/", "http://127.0.0.1.:{port}/", "http://①:{port}/", "http://[",
    "http://[::1", "http://]:{port}/", "http://", "http://:{port}/", "http://127.0.0.1:99999/",
    "http://127.0.0.1:-1/", "http://127.0.0.1:x/", "//127.0.0.1:{port}/", "127.0.0.1:{port}", "",
    "file:///etc/passwd", "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/_x", "data:,x",
    "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "jar:http://x!/",
    "ws://127.0.0.1:{port}/", "http://" + "a" * 70_000 + "/", "http://" + "a." * 200 + "/",
    "http://a..b/", "http://-/", "http://xn--/", "http://\u200b127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\x00", "http://\udcff/", "http://%31%32%37.0.0.1:{port}/",
]  # fmt: skip
REFUSED = {"AddressNotAllowed", "InvalidRequest", "ConnectionFailed"}


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """Return a listener on every local address; no request may arrive at it."""
    with Trap(host="0.0.0.0") as listening:
        yield listening


@pytest.fixture(scope="module")
def public_only(tmp_path_factory: pytest.TempPathFactory, trap: Trap) -> Iterator[Server]:
    proxy = f"http://127.0.0.1:{trap.port}"
    environment = dict.fromkeys(("http_proxy", "HTTPS_PROXY", "ALL_PROXY"), proxy)
    folder = tmp_path_factory.mktemp("public")
    environment["STEPWELL_ALLOWED_NETWORKS"] = "198.51.100.0/24"
    with Server(folder / "data", PLUGIN, **environment) as running:
        yield running


def workflow(client: httpx.Client, step: dict[str, Any]) -> str:
    document = {
        "name": "Calls out", "initialStep": "call",
        "steps": [{"id": "call", "retry": {"maxAttempts": 1}, **step}, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "call", "to": "end"}],
    }  # fmt: skip
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def urls(port: int) -> list[str]:
    hosts = [f"{scheme}://{host}:{port}/" for scheme in ("http", "https") for host in LOOPBACK]
    return [*hosts, *(f"http://{host}/" for host in INSIDE)]


def test_call_api_reaches_no_internal_address(public_only: Server, trap: Trap) -> None:
    with public_only.client() as client:
        made = workflow(client, {"type": "call-api", "url": "{{ data.url }}", "timeout": "5s"})
        for url in urls(trap.port):
            run = client.post(f"/api/workflow/start/{made}", json={"data": {"url": url}}).json()
            assert run["status"] == "failed", url
            assert run["error"]["type"] in REFUSED, (url, run["error"])
    assert trap.got == []
    assert "Traceback" not in public_only.log.read_text()


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "localhost"])
async def test_these_forms_reach_loopback_if_it_is_allowed(host: str) -> None:
    client = HttpClient([ip_network("127.0.0.0/8"), ip_network("::1/128")])
    with Trap() as listening:
        await client.send(HttpRequest("GET", f"http://{host}:{listening.port}/"))
        assert len(listening.got) == 1
    await client.close()


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
async def test_no_url_trick_reaches_an_internal_address(trap: Trap, trick: str) -> None:
    client = HttpClient([])
    try:
        with pytest.raises(StepBroke) as broke:
            await client.send(HttpRequest("GET", trick.format(port=trap.port)))
    finally:
        await client.close()
    assert broke.value.error.type in REFUSED
    assert trap.got == []


@pytest.mark.parametrize(
    ("provider", "hosts"), [("openai", LOOPBACK + INSIDE[::4]), ("anthropic", LOOPBACK[::4])]
)
def test_a_model_of_a_tenant_cannot_have_an_internal_address(
    public_only: Server, trap: Trap, provider: str, hosts: list[str]
) -> None:
    with public_only.client(tenant=provider) as client:
        made = workflow(
            client,
            {
                "type": "call-llm", "model": "m", "prompt": "hello",
                "output": {"answer": {"type": "string"}},
            },
        )  # fmt: skip
        tried = 0
        for host in hosts:
            address = f"http://{host}:{trap.port}/v1" if host in LOOPBACK else f"http://{host}/v1"
            model = {"provider": provider, "model": "x", "baseUrl": address}
            if client.put("/api/models/m", json=model).status_code != 200:
                continue
            run = client.post(f"/api/workflow/start/{made}", json={}).json()
            assert run["status"] == "failed", address
            tried += 1
    print(f"{tried} of {len(hosts)} addresses tried")
    assert tried > len(hosts) / 2, "most were refused before anything was sent"
    assert trap.got == []


class Resolver:
    """Resolves one name to the next list of addresses at each query, and counts the queries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked = 0
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if host != "changes.example":
            return self._real(host, port, *rest, **named)
        self.asked += 1
        found = [self._real(item, port, *rest, **named) for item in next(self._answers)]
        return [row for rows in found for row in rows]


async def test_dns_rebinding_cannot_change_the_address_after_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Trap(host="127.0.0.2") as public, Trap(host="127.0.0.1", port=public.port) as inside:
        resolver = Resolver(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
        client = HttpClient([ip_network("127.0.0.2/32")])
        url = f"http://changes.example:{public.port}/"
        assert (await client.send(HttpRequest("GET", url))).status == 200
        assert resolver.asked == 1
        await client.close()
        client = HttpClient([ip_network("127.0.0.2/32")])
        with pytest.raises(StepBroke, match=r"127\.0\.0\.1"):
            await client.send(HttpRequest("GET", url))
        await client.close()
    assert resolver.asked == 2
    assert (len(public.got), inside.got) == (1, [])


@pytest.mark.parametrize(
    "answer", [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "10.0.0.1"]]
)
async def test_a_name_with_one_internal_address_among_several_is_refused(
    monkeypatch: pytest.MonkeyPatch, answer: list[str]
) -> None:
    with Trap(host="127.0.0.2") as public:
        Resolver(monkeypatch, answer)
        client = HttpClient([ip_network("127.0.0.2/32")])
        with pytest.raises(StepBroke, match="not a public address"):
            await client.send(HttpRequest("GET", f"http://changes.example:{public.port}/"))
        await client.close()
    assert public.got == []
