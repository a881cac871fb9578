"""MCP servers of a running Stepwell: configuration, status, start and stop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.mcp_process import McpProcess, over_pipes
from tests.harness.processes import run
from tests.harness.server import Server

PLUGIN = Path(__file__).parents[2] / "harness" / "plugin.py"


def config(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("config", "--json", *arguments, environment={**os.environ, **environment})


def tools(client: httpx.Client) -> Any:
    answer = client.get("/api/tools")
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(holds: Callable[[], bool], within: float = 60) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    shown = subprocess.run(
        ["ps", "-o", "pid=,stat=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in shown.stdout.splitlines() if "Z" not in line]


def is_alive(pid: int) -> bool:
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()[:1] not in ("", "Z")


def test_servers_are_configured_in_toml_or_json_and_secrets_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(
        '[mcp_servers.files]\ncommand = "npx"\nargs = ["files"]\nenv = {KEY = "canary-1"}\n'
        '[mcp_servers.web]\nurl = "https://mcp.example.com/"\nstartTimeout = "5s"\n'
        'headers = {authorization = "env:WEB_TOKEN", "x-key" = "canary-2"}\n'
    )
    shown = config("--config", file, WEB_TOKEN="canary-3")
    assert "canary" not in shown.stdout + shown.stderr
    servers = json.loads(shown.stdout)["mcp_servers"]["value"]
    assert servers["web"]["headers"] == {"authorization": "env:WEB_TOKEN", "x-key": "***"}
    assert (servers["web"]["timeout"], servers["web"]["start_timeout"]) == (60_000, 5_000)
    text = '{"one": {"command": "x", "timeout": "2m"}}'
    for given in (
        config("--mcp-servers", text),
        config(STEPWELL_MCP_SERVERS=text),
    ):
        one = json.loads(given.stdout)["mcp_servers"]["value"]["one"]
        assert (one["command"], one["timeout"]) == ("x", 120_000)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "JSON"),
        ("[]", "mcp_servers"),
        ('{"a": {}}', "command"),
        ('{"a": {"command": "x", "url": "http://h/"}}', "command"),
        ('{"a": {"command": "x", "headers": {"a": "b"}}}', "headers"),
        ('{"a": {"url": "http://h/", "args": ["b"]}}', "args"),
        (
            '{"a": {"url": "ftp://h/"}}',
            "mcp_servers.a.url (environment): must begin with http:// or https://",
        ),
        (
            '{"a": {"url": "http://h:99999/"}}',
            "a.url (environment): must have a port from 1 to 65535",
        ),
        (
            '{"a": {"url": "http://h..i/"}}',
            "a.url (environment): must have a host whose name is valid",
        ),
        ('{"a": {"url": "http://[::1%eth0]/"}}', "and no zone"),
        ('{"a": {"url": "http://[v1.x]/"}}', "must have an IPv6 address in its brackets"),
        ('{"a": {"url": "http://u:canary@h/"}}', "put them in headers, as env:VARIABLE"),
        ('{"a": {"comand": "x"}}', "mcp_servers.a.comand"),
        ('{"a.b": {"command": "x"}}', "a.b"),
        ('{"a": {"command": "x", "timeout": 5}}', "duration"),
    ],
)
def test_an_invalid_server_is_reported(text: str, named: str) -> None:
    shown = config(STEPWELL_MCP_SERVERS=text)
    assert shown.returncode == 1
    assert named in shown.stderr
    assert "canary" not in shown.stderr


def test_the_library_is_imported_only_with_a_configured_server() -> None:
    program = (
        "import asyncio, sys\n"
        "from app import assembly, server\n"
        "from app.tools.mcp.servers import McpServers\n"
        "async def main():\n"
        "    servers = McpServers({})\n"
        "    servers.start()\n"
        "    await servers.settled()\n"
        "    await servers.close()\n"
        "asyncio.run(main())\n"
        "assert not {'mcp', 'mcp_types'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PLUGIN.parents[2])


def test_tools_and_servers_are_shown_while_some_are_unavailable(tmp_path: Path) -> None:
    late = McpProcess()
    servers = {"near": over_pipes(), "far": late.settings, "gone": {"command": "/nowhere"}}
    named = json.dumps(servers)
    with Server(tmp_path / "data", PLUGIN, STEPWELL_MCP_SERVERS=named) as server:
        with server.client("viewer") as client:
            until(lambda: "near.add" in str(tools(client)))
            document = tools(client)
            by_id = {item["id"]: item for item in document["tools"]}
            assert by_id["near.add"]["source"] == "mcp"
            assert by_id["near.add"]["inputSchema"]["properties"]["a"]["type"] == "integer"
            assert by_id["add"]["source"] == "function"
            assert [item["id"] for item in document["tools"]] == sorted(by_id)
            states = {item["name"]: item for item in document["servers"]}
            assert list(states) == ["far", "gone", "near"]
            assert states["near"] == {
                "name": "near",
                "status": "connected",
                "error": None,
                "warnings": [],
                "signIn": None,
            }
            until(lambda: "nowhere" in str(tools(client)["servers"]))
            with late:
                until(lambda: "far.add" in str(tools(client)))
        assert httpx.get(f"{server.address}/api/tools").status_code == 401


def test_a_run_without_a_server_prints_only_its_history(tmp_path: Path) -> None:
    flow = {
        "name": "F",
        "initialStep": "e",
        "steps": [{"id": "e", "type": "end-flow"}],
        "edges": [],
    }
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    named = {"STEPWELL_MCP_SERVERS": json.dumps({"near": over_pipes(), "gone": {"command": "no"}})}
    shown = run("run", tmp_path / "flow.json", environment={**os.environ, **named})
    shown.check_returncode()
    assert json.loads(shown.stdout)["status"] == "completed"


@pytest.mark.parametrize("way", ["terminate", "kill"])
def test_no_process_outlives_stepwell(tmp_path: Path, way: str) -> None:
    named = json.dumps({"near": over_pipes()})
    with Server(tmp_path / "data", PLUGIN, STEPWELL_MCP_SERVERS=named) as server:
        with server.client() as client:
            until(lambda: "near.add" in str(tools(client)))
        assert server.process is not None
        (child,) = children(server.process.pid)
        if way == "terminate":
            assert server.terminate() == 0
            assert not is_alive(child)
        else:
            server.kill()
            until(lambda: not is_alive(child))
