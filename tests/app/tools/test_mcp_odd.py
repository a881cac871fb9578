"""MCP servers that deviate from the protocol: usable parts are used, the rest is reported."""

import base64
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.outbound.way_out import WayOut
from app.tools.catalogue import ToolCatalogue
from app.tools.mcp.http import http_client
from app.tools.mcp.result import result_of
from app.tools.mcp.stdio import LONGEST_LINE, Lines, messages_of
from engine import Json
from steps.contract.step_type import StepBroke
from tests.app.tools.test_mcp import call, catalogue_of, refusal, states, until
from tests.harness.bytes_server import saying

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
GO = {"name": "go", "inputSchema": SCHEMA}
SCRIPT = str(Path(__file__).parents[2] / "harness" / "mcp_odd_server.py")


def odd(*pages: Any, results: Any = None, **more: Any) -> dict[str, Any]:
    script = {"pages": pages, "results": results or {}, **more}
    return {"command": sys.executable, "args": [SCRIPT, json.dumps(script)]}


def result(*content: Any, **more: Any) -> Any:
    return {"result": {"content": list(content), **more}}


def text(said: Any) -> Any:
    return {"type": "text", "text": said}


async def listed(catalogue: ToolCatalogue) -> dict[str, Any]:
    return {info.id: info.input_schema for info in await catalogue.list()}


def nested(levels: int) -> Any:
    made: Any = {"type": "string"}
    for _ in range(levels):
        made = {"type": "object", "properties": {"a": made}}
    return made


ODD_TOOLS: list[Any] = [
    {"name": "missing"},
    {"name": "untyped", "inputSchema": {"properties": {"a": {"type": "integer"}}}},
    {"name": "a-list", "inputSchema": {"type": "object", "properties": [1]}},
    {"name": "a-text", "inputSchema": "object"},
    {"name": "invalid", "inputSchema": {"type": "object", "properties": {"a": {"type": "nope"}}}},
    {"name": "deep", "inputSchema": nested(150)},
    {"name": "elsewhere", "inputSchema": {"type": "object", "$ref": "http://127.0.0.1:9/schema"}},
    {"name": "decorated", "inputSchema": SCHEMA, "description": 5, "annotations": "none", "icons": 1},
]  # fmt: skip


async def test_a_tool_with_an_invalid_schema_does_not_affect_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nameless = [{"inputSchema": SCHEMA}, {"name": 5}, "go", None]
    named = odd([*ODD_TOOLS, *nameless, {**GO, "outputSchema": {"type": "nope"}}])
    async with catalogue_of(odd=named) as catalogue:
        found = await listed(catalogue)
        state = states(catalogue)["odd"]
        assert (state["status"], state["error"]) == ("connected", None)
        assert set(found) == {"add", "odd.go", *(f"odd.{tool['name']}" for tool in ODD_TOOLS)}
        assert (found["odd.go"], found["odd.decorated"]) == (SCHEMA, SCHEMA)
        assert found["odd.untyped"] == SCHEMA
        for name in ("missing", "a-list", "a-text", "invalid", "deep", "elsewhere"):
            assert found[f"odd.{name}"] == {"type": "object"}
            assert await call(catalogue, f"odd.{name}", any=1) == {"content": [], "text": ""}
        assert "inputs.a" in (await refusal(catalogue, "odd.untyped", a="x")).error.message
        warnings: Any = state["warnings"]
        logged = capsys.readouterr().out
        for tool in ODD_TOOLS:
            assert sum(f"tool {tool['name']}: " in warning for warning in warnings) == 1
            assert f"tool {tool['name']}: " in logged
        assert sum("without a name" in warning for warning in warnings) == len(nameless)
        assert not any("tool go" in warning for warning in warnings)


async def test_pages_are_read_to_the_last_or_first_broken_one() -> None:
    async with catalogue_of(
        whole=odd([GO], [{**GO, "name": "two"}], textual=True),
        torn=odd([GO], None),
        numbered=odd([GO], [{**GO, "name": "two"}], cursors=[1, None]),
        unclear=odd([GO], cursors=[{}]),
        round=odd([GO], [{**GO, "name": "two"}], cursors=["1", "1"]),
    ) as catalogue:
        assert set(await listed(catalogue)) == {"add", "whole.go", "whole.two", "torn.go", "numbered.go", "numbered.two", "unclear.go", "round.go", "round.two"}  # fmt: skip
        assert "a page comes again" in str(states(catalogue)["round"]["warnings"])
        assert states(catalogue)["whole"]["warnings"] == []
        assert "not a text" in str(states(catalogue)["unclear"]["warnings"])
        assert "this page is torn" in str(states(catalogue)["torn"]["warnings"])


@pytest.mark.parametrize(
    "greeting",
    [
        {"capabilities": {}},
        {"capabilities": None},
        {"capabilities": {"tools": True, "logging": {}}, "serverInfo": {"name": "odd"}},
        {"serverInfo": None, "protocolVersion": None},
    ],
)
async def test_a_server_may_greet_incompletely(greeting: dict[str, Any]) -> None:
    async with catalogue_of(odd=odd([GO], initialize=greeting)) as catalogue:
        assert "odd.go" in await listed(catalogue)


async def test_an_answer_that_is_too_long_fails_only_its_call() -> None:
    async with catalogue_of(odd=odd([{**GO, "name": "long", "inputSchema": {}}])) as catalogue:
        await listed(catalogue)
        broke = await refusal(catalogue, "odd.long", size=LONGEST_LINE)
        assert broke.error.type == "InvalidToolResult"
        assert "gave an answer of more than 8,000,000 bytes" in broke.error.message
        found: Any = await call(catalogue, "odd.long", size=3)
        assert found["text"] == "xxx"


def test_a_line_may_hold_several_messages() -> None:
    done = b'{"jsonrpc":"2.0","id":%d,"result":{}}'
    assert len(messages_of(done % 1)) == 1
    both = messages_of(b" [" + done % 1 + b"," + done % 2 + b', {"id": 3}]')
    assert [isinstance(message, Exception) for message in both] == [False, False, True]
    assert [isinstance(message, Exception) for message in messages_of(b"[1")] == [True]


def test_a_line_is_read_in_linear_time_and_a_long_one_by_its_ends() -> None:
    lines = Lines(longest=2_000)
    come = b'{"id":7,"result":"' + b"x" * 2_000 + b'"}\nshort\n' + b"y" * 5_000 + b',"id":"a"}\nz'
    found = [line for at in range(0, len(come), 9) for line in lines.take(come[at : at + 9])]
    first, short, last = found
    assert isinstance(first, tuple)
    assert isinstance(last, tuple)
    assert (first[0][:8], short, last[1][-9:]) == (b'{"id":7,', b"short", b',"id":"a"}'[-9:])
    assert max(map(len, (*first, *last))) <= 1_000
    assert list(lines.take(b"\n")) == [b"z"]


async def test_warnings_belong_to_their_list() -> None:
    change = {"name": "change", "inputSchema": {"type": "object"}}
    async with catalogue_of(odd=odd([change, {"name": "missing"}])) as catalogue:
        await catalogue.list()
        assert states(catalogue)["odd"]["warnings"]
        await call(catalogue, "odd.change", tools=[GO])
        await until(lambda: states(catalogue)["odd"]["warnings"] == [])
        assert set(await listed(catalogue)) == {"add", "odd.go"}


RESULTS: dict[str, tuple[Any, Any]] = {
    "contentless": ({"result": {"structuredContent": {"n": 1}}}, {"n": 1}),
    "undeclared": (result(text("x")), {"content": [text("x")], "text": "x"}),
    "a-list": ({"result": {"content": [], "structuredContent": [1]}}, {"result": [1]}),
    "a-text": ({"result": {"content": "x"}}, {"content": [text("x")], "text": "x"}),
    "unknown-part": (result({"type": "video", "text": "x"}, 5), {"content": [text("x"), text("5")], "text": "x\n5"}),
    "no-uri": (result({"type": "resource", "resource": {"text": "x"}}), {"content": [text("x")], "text": "x"}),
    "kindless": (result({"type": "image", "data": "AAAA"}), {"content": [{"type": "image", "data": "AAAA", "mimeType": "image/unknown"}], "text": ""}),
    "null": ({"result": None}, {"content": [], "text": ""}),
    "bare": ({"result": [1]}, {"content": [text("[1]")], "text": "[1]"}),
    "null-text": (result(text(None)), {"content": [text('{"type": "text", "text": null}')], "text": '{"type": "text", "text": null}'}),
    "first-revision": ({"result": {"toolResult": {"n": 1}}}, {"content": [text('{"toolResult": {"n": 1}}')], "text": '{"toolResult": {"n": 1}}'}),
    "meta": ({"result": {"content": [], "structuredContent": {"n": 1}, "_meta": "odd", "new": 1}}, {"n": 1}),
}  # fmt: skip
FAILURES: dict[str, tuple[Any, str, str]] = {
    "closed-code": ({"error": {"code": -32000, "message": "quota used up"}}, "ToolFailed", "quota used up"),
    "late-code": ({"error": {"code": -32001, "message": "quota used up"}}, "ToolFailed", "quota used up"),
    "own-code": ({"error": {"code": 7, "message": "quota used up"}}, "ToolFailed", "quota used up"),
    "structured": (result(structuredContent={"why": "quota used up"}, isError=True), "ToolFailed", "quota used up"),
    "in-a-file": (result({"type": "resource", "resource": {"uri": "file:///e", "text": "quota used up"}}, isError="true"), "ToolFailed", "quota used up"),
    "error-text": ({"error": "quota used up"}, "ToolFailed", "quota used up"),
    "named-code": ({"error": {"code": "E1", "message": "quota used up"}}, "ToolFailed", "quota used up"),
    "codeless": ({"error": {"why": "quota used up"}}, "ToolFailed", "quota used up"),
    "empty": ({}, "ToolFailed", "neither a result nor an error"),
    "silent": (result(isError=True), "ToolFailed", "did not say why"),
}  # fmt: skip


async def test_every_result_is_read_and_every_failure_reported() -> None:
    tools = [
        {"name": name, "inputSchema": SCHEMA, "outputSchema": {"type": "object", "required": ["z"]}}
        for name in (*RESULTS, *FAILURES, "close")
    ]
    answers = {name: item[0] for name, item in {**RESULTS, **FAILURES}.items()}
    async with catalogue_of(odd=odd(tools, results=answers)) as catalogue:
        for name, (_, value) in RESULTS.items():
            assert await call(catalogue, f"odd.{name}") == value, name
        for name, (_, kind, words) in FAILURES.items():
            failed = (await refusal(catalogue, f"odd.{name}")).error
            assert (failed.type, words in failed.message) == (kind, True), failed
        closed = (await refusal(catalogue, "odd.close")).error
        assert (closed.type, closed.retryable) == ("McpUnavailable", True)
        await until(lambda: states(catalogue)["odd"]["status"] != "connected")
        assert await call(catalogue, "odd.undeclared") == RESULTS["undeclared"][1]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"error": "no"}, {"error": {"code": -32603, "message": "no"}}),
        ({"result": [1]}, {"result": {"content": [[1]]}}),
        ({"result": {"content": []}}, {"result": {"content": []}}),
    ],
)
async def test_an_answer_over_http_is_read_whatever_its_shape(said: Any, read: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, **said}).encode()
    header = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    with saying(header + b"Content-Length: %d\r\n\r\n" % len(body) + body) as address:
        async with http_client({}, WayOut(), lambda: None) as client:
            answer = await client.post(address, json={})
    assert answer.json() == {"jsonrpc": "2.0", "id": 1, **read}


@pytest.mark.parametrize("kind", ["", "Content-Type: text/plain\r\n", "Content-Type: a/b\r\n"])
async def test_an_answer_over_http_is_read_whatever_its_type(kind: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}).encode()
    header = f"HTTP/1.1 200 OK\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    with saying(header.encode() + body) as address:
        async with http_client({}, WayOut(), lambda: None) as client:
            answer = await client.post(address, json={})
    assert (answer.headers["content-type"], answer.content) == ("application/json", body)


async def test_a_batch_of_messages_is_read() -> None:
    messages = [{"jsonrpc": "2.0", "method": "notifications/message", "params": {}},
                {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}]  # fmt: skip
    body = json.dumps(messages).encode()
    header = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    with saying(header + b"Content-Length: %d\r\n\r\n" % len(body) + body) as address:
        async with http_client({}, WayOut(), lambda: None) as client:
            answer = await client.post(address, json={})
    assert answer.headers["content-type"] == "text/event-stream"
    events = [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n")[:-1]]
    assert events == messages


PICTURE = {"type": "image", "mimeType": "image/png", "data": base64.b64encode(b"png").decode()}


def test_values_that_json_cannot_hold_are_replaced() -> None:
    structured: Any = {"a": float("nan"), "b": "half \ud800 character"}
    found = result_of("t", [], structured, is_error=False)
    assert found == {"a": "NaN", "b": "half \ufffd character"}


def test_other_parts_are_kept_beside_a_structured_result() -> None:
    parts: Any = [text('{"n": 1}'), PICTURE]
    assert result_of("t", parts, {"n": 1}, is_error=False) == {"n": 1, "content": [PICTURE]}
    taken: Json = {"content": "its own"}
    assert result_of("t", parts, taken, is_error=False) == taken


def test_too_large_bytes_are_omitted_and_reported() -> None:
    large: Any = {"type": "image", "mimeType": "image/png", "data": "A" * 1_200_000}
    blob: Any = {"type": "resource", "resource": {"uri": "file:///a", "blob": "A" * 899_900}}
    found: Any = result_of("t", [large, text("a screenshot"), blob, dict(PICTURE), dict(PICTURE)] * 2, None, is_error=False)  # fmt: skip
    first, said, second, *_ = found["content"]
    assert first == {"type": "image", "mimeType": "image/png", "size": 900_000, "omitted": True}
    assert (said, second["resource"]["blob"][:2]) == (text("a screenshot"), "AA")
    assert found["text"] == "a screenshot\na screenshot"
    with pytest.raises(StepBroke, match="at most 1000000"):
        result_of("t", [text("x" * 1_100_000)], None, is_error=False)


class Sessions(BaseHTTPRequestHandler):
    """An MCP server whose first session is over when its tool is called."""

    refusal: ClassVar[tuple[int, bytes]]
    media_type: ClassVar[str] = "application/json"
    sessions: ClassVar[list[str]]
    calls: ClassVar[list[str]]

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        session, method = self.headers.get("mcp-session-id"), message["method"]
        if method == "initialize":
            self.sessions.append(f"s{len(self.sessions)}")
            reported: Any = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
            reported["serverInfo"] = {"name": "odd", "version": "1"}
            self.say(200, {"id": message["id"], "result": reported}, self.sessions[-1])
        elif "id" not in message:
            self.say(202, None)
        elif method == "tools/list":
            self.say(200, {"id": message["id"], "result": {"tools": [GO]}})
        elif method != "tools/call":
            error = {"code": -32601, "message": f"no {method}"}
            self.say(200, {"id": message["id"], "error": error})
        else:
            self.calls.append(str(session))
            if session == "s0":
                self.say(*self.refusal)
            else:
                self.say(200, {"id": message["id"], **result(text("done"))})

    def say(self, status: int, said: Any, session: str = "") -> None:
        body = said if isinstance(said, bytes) else json.dumps({"jsonrpc": "2.0", **said}).encode() if said else b""  # fmt: skip
        self.send_response(status)
        is_refusal = isinstance(said, bytes)
        self.send_header("content-type", self.media_type if is_refusal else "application/json")
        self.send_header("content-length", str(len(body)))
        if session:
            self.send_header("mcp-session-id", session)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.say(405, None)

    def do_DELETE(self) -> None:
        self.say(405, None)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def sessions(**more: Any) -> Iterator[tuple[str, Any]]:
    """Serve `Sessions` as scripted; yield the address and what it has seen."""
    kept: Any = {"sessions": [], "calls": [], **more}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Sessions,), kept)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/mcp", kept
        server.shutdown()


NO_SESSION = b'{"jsonrpc": "2.0", "error": {"code": -32000, "message": "No valid session ID provided"}, "id": null}'  # fmt: skip
OTHER = b'{"jsonrpc": "2.0", "error": {"code": -32602, "message": "bad session name"}, "id": 3}'


@pytest.mark.parametrize(
    ("status", "body", "is_made"),
    [(404, b"", True), (400, NO_SESSION, True), (400, OTHER, False), (500, NO_SESSION, False)],
)
async def test_a_call_in_a_session_that_is_over_is_made_in_the_next(
    status: int, body: bytes, is_made: bool
) -> None:
    with sessions(refusal=(status, body)) as (address, kept):
        async with catalogue_of(odd={"url": address}) as catalogue:
            if is_made:
                assert await call(catalogue, "odd.go") == {
                    "content": [text("done")],
                    "text": "done",
                }
            else:
                assert (await refusal(catalogue, "odd.go")).error.type != "InvalidToolInput"
    assert kept["calls"] == (["s0", "s1"] if is_made else ["s0"])


@pytest.mark.parametrize("media_type", ["application/json", "text/event-stream"])
async def test_an_answer_over_http_that_is_too_long_is_not_asked_for_again(media_type: str) -> None:
    body = b"data: " + b"x" * (LONGEST_LINE + 1)
    with sessions(refusal=(200, body), media_type=media_type) as (address, _):
        async with catalogue_of(odd={"url": address}) as catalogue:
            error = (await refusal(catalogue, "odd.go")).error
    assert (error.type, error.retryable) == ("InvalidToolResult", False)
    assert error.message == "tool odd.go gave an answer of more than 8,000,000 bytes"
