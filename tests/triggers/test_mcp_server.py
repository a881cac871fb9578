"""The server as an MCP server, used by the client of the MCP library over HTTP and stdio."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.harness.server import Server, settled
from tests.triggers.conftest import asking, nothing_to_do

COMMAND = Path(sys.executable).with_name("stepwell")
TAKES = {"a": {"type": "number", "description": "the first"}, "b": {"type": "number", "default": 2}}


@pytest.fixture(scope="module")
def owner(shared: Server) -> Iterator[httpx.Client]:
    sums = {"id": "end", "type": "end-flow", "result": {"sum": "{{ data.a + data.b }}"}}
    breaks = {"id": "end", "type": "end-flow", "status": "failed", "message": "out of paper"}
    waits = [{"id": "w", "type": "wait", "duration": "1h"}, {"id": "end", "type": "end-flow"}]
    with shared.client() as client:
        for made in (
            {**nothing_to_do("adds", payload=TAKES, tool=True, description="Adds two."), "steps": [sums]},
            {**nothing_to_do("breaks", tool=True), "steps": [breaks]},
            {**nothing_to_do("slow", tool=True), "initialStep": "w", "steps": waits,
             "edges": [{"from": "w", "to": "end"}]},
            {**asking("asks"), "tool": True},
            nothing_to_do("no-tool"),
            nothing_to_do("gone", tool=True),
        ):  # fmt: skip
            client.post("/api/workflows", json=made).raise_for_status()
        client.delete("/api/workflows/gone").raise_for_status()
        yield client


def headers(server: Server, role: str = "operator", tenant: str = "acme") -> dict[str, str]:
    return {"x-api-key": server.key(role, tenant), "x-tenant-id": tenant}


@asynccontextmanager
async def connected(server: Server, role: str = "operator", **more: Any) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers(server, role), timeout=60) as http,
        Client(streamable_http_client(f"{server.address}/mcp", http_client=http), **more) as client,
    ):
        yield client


def text_of(answer: Any) -> str:
    return str(answer.content[0].text)


async def walk(client: Client) -> dict[str, Any]:
    """Call everything that a client uses, and return the answers."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    added = await client.call_tool("adds", {"a": 1})
    unfit = await client.call_tool("adds", {"a": "one"})
    broke = await client.call_tool("breaks", {})
    asked = await client.call_tool("asks", {})
    return {
        "tools": sorted(tools),
        "schema": tools["adds"].input_schema,
        "about": tools["adds"].description,
        "added": (added.is_error, added.structured_content, text_of(added)),
        "unfit": (unfit.is_error, text_of(unfit)),
        "broke": (broke.is_error, text_of(broke)),
        "asked": (asked.is_error, text_of(asked), asked.structured_content),
    }


def check(seen: dict[str, Any]) -> None:
    assert seen["tools"] == ["adds", "asks", "breaks", "cancel_run", "get_run", "slow"]
    assert seen["schema"]["properties"]["a"] == {"type": "number", "description": "the first"}
    assert seen["schema"]["required"] == ["a"]
    assert seen["about"] == "Adds two."
    assert seen["added"] == (False, {"sum": 3}, '{"sum": 3}')
    assert seen["unfit"][0]
    assert "data.a" in seen["unfit"][1]
    assert seen["broke"][0]
    assert "out of paper" in seen["broke"][1]
    failed, text, document = seen["asked"]
    assert not failed
    assert "A person has to answer" in text
    assert (document["status"], document["pauseSignal"]["type"]) == (
        "paused",
        "request_user_action",
    )


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_over_http(shared: Server, owner: httpx.Client, mode: Any) -> None:
    async def go() -> dict[str, Any]:
        async with connected(shared, mode=mode) as client:
            return await walk(client)

    check(asyncio.run(go()))


def test_a_client_over_stdio(shared: Server, owner: httpx.Client) -> None:
    async def go() -> dict[str, Any]:
        environment = {"STEPWELL_URL": shared.address, "STEPWELL_KEY": shared.key("operator"),
                       "STEPWELL_TENANT": "acme"}  # fmt: skip
        parameters = StdioServerParameters(command=str(COMMAND), args=["mcp"], env=environment)
        async with Client(stdio_client(parameters)) as client:
            return await walk(client)

    check(asyncio.run(go()))


def test_long_runs_are_polled_and_cancelled(shared: Server, owner: httpx.Client) -> None:
    run = owner.post("/api/workflow/start-async/slow", json={}).json()["runId"]

    async def go() -> None:
        async with connected(shared) as client:
            key: Any = {"stepwell/idempotencyKey": "k1"}
            first = await client.call_tool("adds", {"a": 5}, meta=key)
            again = await client.call_tool("adds", {"a": 6}, meta=key)
            assert first.structured_content == again.structured_content == {"sum": 7}
            going = await client.call_tool("get_run", {"runId": run, "wait": 0.2})
            assert going.structured_content["status"] == "running"
            assert "in progress" in text_of(going)
            stopped = await client.call_tool("cancel_run", {"runId": run, "reason": "enough"})
            assert not stopped.is_error
            ended = await client.call_tool("get_run", {"runId": run, "wait": 20})
            assert (ended.is_error, ended.structured_content["status"]) == (False, "cancelled")
            missing = await client.call_tool("get_run", {"runId": "dynamic-workflow-1"})
            assert missing.is_error
            for name in ("no-tool", "gone", "nowhere", "adds " * 100):
                with pytest.raises(MCPError, match="there is no tool"):
                    await client.call_tool(name, {})

    asyncio.run(go())
    assert settled(owner, owner.get("/api/workflow/runs?limit=1").json()["runs"][0]["runId"])


def test_roles_and_tenants_are_enforced(shared: Server, owner: httpx.Client) -> None:
    async def go() -> None:
        async with connected(shared, "viewer") as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["get_run"]
            for tool in ("adds", "cancel_run"):
                refused = await client.call_tool(tool, {"a": 1, "runId": "x"})
                assert refused.is_error
                assert "needs the role operator" in text_of(refused)

    asyncio.run(go())
    run = owner.post("/api/workflow/start-async/adds", json={"data": {"a": 1}}).json()["runId"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get_run", "arguments": {"runId": run}}}  # fmt: skip
    asks = {"accept": "application/json, text/event-stream"}
    with shared.client(tenant="other") as other:
        answer = other.post("/mcp", json=call, headers=asks).json()
        assert answer["result"]["isError"], answer
        listed = other.post(
            "/mcp", json={**call, "method": "tools/list", "params": {}}, headers=asks
        )
        assert [tool["name"] for tool in listed.json()["result"]["tools"]] == [
            "get_run",
            "cancel_run",
        ]


_ODD: tuple[Any, ...] = (True, None, 1.5, 1.0, {}, [])
_PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
_ANSWER = {"jsonrpc": "2.0", "id": 7, "result": {}}


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (_PING, (200, 7, None)),
        ({**_PING, "id": "a"}, (200, "a", None)),
        *(({**_PING, "id": odd}, (400, None, -32_600)) for odd in _ODD),
        ({**_PING, "method": "no/such"}, (200, 7, -32_601)),
        ({**_PING, "method": 5}, (400, 7, -32_600)),
        ({**_PING, "params": [1]}, (400, 7, -32_600)),
        ({**_PING, "jsonrpc": "1.0"}, (400, 7, -32_600)),
        ({"jsonrpc": "2.0", "id": 7}, (400, 7, -32_600)),
        ([_PING, _PING], (400, None, -32_600)),
        ("ping", (400, None, -32_600)),
        (2**70, (400, None, -32_700)),
        ({**_PING, "id": 2**70}, (400, None, -32_700)),
        ({"jsonrpc": "2.0", "method": "no/such"}, (202, None, None)),
        (_ANSWER, (202, None, None)),
        ({"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "?"}}, (202, None, None)),
        ({**_ANSWER, "id": None}, (400, None, -32_600)),
        ({**_ANSWER, "result": 1}, (400, 7, -32_600)),
        ({**_ANSWER, "error": {"code": 1, "message": "?"}}, (400, 7, -32_600)),
    ],
)
def test_a_message_that_is_none_is_refused_as_json_rpc_says(
    owner: httpx.Client, message: Any, answer: tuple[int, Any, int | None]
) -> None:
    asks = {"accept": "application/json, text/event-stream"}
    came = owner.post("/mcp", json=message, headers=asks)
    body = came.json() if came.content else {}
    assert (came.status_code, body.get("id"), body.get("error", {}).get("code")) == answer


def test_hostile_messages_cause_no_server_error(shared: Server, owner: httpx.Client) -> None:
    asks = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    right = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    bodies: list[Any] = [b"", b"{", b"[" * 3_000, b"null", b"[]", b'{"jsonrpc":"2.0"}', b"\xff",
                         b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
                         {**right, "method": "no/such"}, {**right, "id": {}}, {**right, "params": []},
                         {**right, "method": "tools/call", "params": {"name": 7}},
                         {**right, "method": "tools/call", "params": {"name": "adds", "arguments": [1]}},
                         {**right, "params": {"cursor": "\u0000'; --"}}, [right, right],
                         {**right, "method": "initialize", "params": {"protocolVersion": "zzz"}}]  # fmt: skip
    for body in bodies:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = owner.post("/mcp", content=content, headers=asks)
        assert answer.status_code < 500, (body, answer.text)
        assert "Traceback" not in answer.text
    assert (
        owner.post("/mcp", json=right, headers={**asks, "mcp-protocol-version": "9"}).status_code
        == 400
    )
    assert (
        owner.post(
            "/mcp", json=right, headers={**asks, "origin": "https://evil.example"}
        ).status_code
        == 400
    )
    assert owner.post("/mcp", content=b"x" * 1_100_000, headers=asks).status_code == 413
    assert owner.get("/mcp").status_code == 405
    assert httpx.post(f"{shared.address}/mcp", json=right, headers=asks).status_code == 401
    assert owner.post("/mcp", json=right, headers=asks).status_code == 200
    assert "Traceback" not in shared.log.read_text()
