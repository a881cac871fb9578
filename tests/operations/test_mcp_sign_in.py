"""Sign-in at an MCP server: the redirect and return, tokens stored, refreshed and revoked."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.console.conftest import PLUGIN
from tests.console.test_access import csrf, sign_in
from tests.harness.mcp_process import McpProcess
from tests.harness.processes import bin_folder
from tests.harness.server import TRUST, Server, settled

SCRIPT = str(Path(__file__).parents[1] / "harness" / "mcp_with_person.py")
ADD = {
    "id": "adds", "name": "Adds", "initialStep": "add",
    "steps": [
        {"id": "add", "type": "call-tool", "toolId": "notes.add", "inputs": {"a": 2}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "add", "to": "end"}],
}  # fmt: skip


class Scene:
    """A server, an MCP server that requires a sign-in, and a person's browser."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.browsers = ExitStack()
        self.reported = folder / "told"
        self.reported.touch()
        self.mcp = McpProcess(str(self.reported), script=SCRIPT, **environment)
        servers = {"notes": {**self.mcp.settings, "signIn": {}}}
        self.server = Server(folder / "data", PLUGIN, STEPWELL_MCP_SERVERS=json.dumps(servers))

    def lines(self, word: str) -> list[str]:
        """Return the authorization server's actions of one kind."""
        return [line for line in self.reported.read_text().splitlines() if line.startswith(word)]

    def browser(self, tenant: str = "acme", role: str = "owner") -> httpx.Client:
        browser = self.browsers.enter_context(
            httpx.Client(base_url=self.server.address, timeout=60, verify=TRUST)
        )
        assert sign_in(browser, tenant, self.server.key(role, tenant)).status_code == 303
        return browser

    def begins(self, browser: httpx.Client) -> str:
        """Return the address to which the authorization server redirects back."""
        answer = browser.post(
            "/api/mcp-servers/notes/sign-in", headers={"x-csrf-token": csrf(browser)}
        )
        assert answer.status_code == 200, answer.text
        return httpx.get(answer.json()["address"]).headers["location"]

    def signs_in(self, browser: httpx.Client) -> None:
        answer = browser.get(self.begins(browser))
        assert (answer.status_code, answer.headers["location"]) == (303, "/settings/tools")

    def adds(self, tenant: str = "acme") -> Any:
        with self.server.client(tenant=tenant) as client:
            answer = client.post("/api/tools/notes.add/invoke", json={"args": {"a": 2}})
            return answer.json()

    def standing(self, tenant: str = "acme") -> Any:
        with self.server.client(tenant=tenant) as client:
            return client.get("/api/tools").json()["servers"][0]


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    scene = Scene(tmp_path, **getattr(request, "param", {}))
    with scene.mcp, scene.server, scene.browsers:
        yield scene


def test_a_person_signs_in_and_out_for_one_tenant_only(scene: Scene) -> None:
    refused = scene.adds()
    assert "SignInNeeded" in json.dumps(refused)
    assert f"{scene.server.address}/settings/tools" in json.dumps(refused)
    assert scene.standing()["status"] == "signInNeeded"
    browser = scene.browser()
    scene.signs_in(browser)
    assert scene.adds()["data"] == {"sum": 3}
    standing = scene.standing()
    assert standing["status"] == "connected"
    assert standing["signIn"]["who"].startswith("key:")
    assert scene.standing("globex")["status"] == "signInNeeded"
    assert "SignInNeeded" in json.dumps(scene.adds("globex"))
    page = browser.get("/settings/tools").text
    assert "Sign out" in page
    _, access, refresh = scene.lines("given")[0].split()
    out = browser.delete("/api/mcp-servers/notes/sign-in", headers={"x-csrf-token": csrf(browser)})
    assert out.json() == {"success": True, "name": "notes", "revoked": True}
    assert scene.lines("revoked") == [f"revoked {refresh}", f"revoked {access}"]
    assert "SignInNeeded" in json.dumps(scene.adds())
    audit = browser.get("/api/audit").text
    for action in ("beginMcpSignIn", "signInAtMcpServer", "signOutAtMcpServer"):
        assert action in audit
    kept = b"".join(file.read_bytes() for file in scene.server.data.rglob("*") if file.is_file())
    for token in (access, refresh):
        assert token.encode() not in kept
        assert token not in page + audit + scene.server.log.read_text()


def test_only_the_initiator_may_return_and_only_once(scene: Scene) -> None:
    browser, other = scene.browser(), scene.browser(role="admin")
    back = httpx.URL(scene.begins(browser))
    wrong = back.copy_set_param("state", back.params["state"][:-1] + "-")
    assert browser.get(str(wrong)).status_code == 409
    assert other.get(str(back)).status_code == 409
    assert scene.browser("globex").get(str(back)).status_code == 409
    assert httpx.get(str(back)).headers["location"].startswith("/sign-in?next=")
    assert browser.get(str(back.copy_set_param("iss", "https://evil.example"))).status_code == 409
    assert browser.get(str(back)).status_code == 409, "taken for one that another has led to"
    assert scene.lines("given") == []
    scene.server.kill()
    scene.server.start()
    back = httpx.URL(scene.begins(browser))
    scene.server.kill()
    scene.server.start()
    assert browser.get(str(back)).status_code == 303
    assert browser.get(str(back)).status_code == 409
    assert (len(scene.lines("registered")), len(scene.lines("given"))) == (1, 1)
    scene.server.kill()
    scene.server.start()
    assert scene.adds()["data"] == {"sum": 3}
    viewer = scene.browser(role="viewer")
    refused = viewer.post("/api/mcp-servers/notes/sign-in", headers={"x-csrf-token": csrf(viewer)})
    assert refused.status_code == 403


def test_a_person_signs_in_by_the_command_line(scene: Scene) -> None:
    environment = {**os.environ, "STEPWELL_URL": scene.server.address, "STEPWELL_TENANT": "acme",
                   "STEPWELL_KEY": scene.server.key("admin")}  # fmt: skip

    def command(*words: str) -> "subprocess.Popen[str]":
        given = [str(bin_folder() / "stepwell"), "mcp-server", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(given, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # fmt: skip

    def signs_in(pasted: Callable[[str], str]) -> tuple[int, str, str]:
        with command("sign-in", "notes") as asks:
            assert asks.stderr is not None
            address = next(line for line in asks.stderr if line.startswith("  http")).strip()
            said, wrong = asks.communicate(pasted(httpx.get(address).headers["location"]) + "\n")
            return asks.wait(), said, wrong

    code, _, wrong = signs_in(lambda _: "http://127.0.0.1/")
    assert (code, "no code" in wrong) == (1, True)
    code, _, wrong = signs_in(lambda back: back.replace("code=", "code=x"))
    assert code == 1, "the authorization server has given no such code"
    # A browser without a session is sent to the sign-in page, with the return address in its URL.
    code, said, wrong = signs_in(lambda back: str(httpx.get(back).next_request.url))  # type: ignore[union-attr]
    assert (code, said) == (0, "signed in at notes\n"), wrong
    assert scene.adds()["data"] == {"sum": 3}
    assert "notes  connected  key:" in command("list").communicate()[0]
    assert command("sign-out", "notes").communicate()[0] == "signed out at notes\n"
    assert "SignInNeeded" in json.dumps(scene.adds())


@pytest.mark.parametrize("scene", [{"MCP_TOKENS_LAST": "61"}], indirect=True)
def test_tokens_are_refreshed_once_and_a_failed_refresh_requires_a_sign_in(
    scene: Scene,
) -> None:
    scene.signs_in(scene.browser())
    assert scene.adds()["data"] == {"sum": 3}
    before = len(scene.lines("refreshed"))
    with scene.server.client() as client:
        client.post("/api/tools/notes.refuse_all/invoke", json={"args": {}}).raise_for_status()
        made = client.post("/api/workflows", json=ADD)
        assert made.status_code == 201, made.text
        started = [client.post("/api/workflow/start-async/adds")
                   for _ in range(5)]  # fmt: skip
        for one in started:
            assert settled(client, one.json()["runId"])["status"] == "completed"
        assert len(scene.lines("refreshed")) >= before + 1
        used = {line.split()[2] for line in scene.lines("refreshed")}
        assert len(used) == len(scene.lines("refreshed"))
        scene.mcp.kill()
        scene.mcp.start()
        assert (
            "SignInNeeded"
            in client.post("/api/tools/notes.add/invoke", json={"args": {"a": 2}}).text
        )
        assert scene.standing()["status"] == "signInNeeded"
