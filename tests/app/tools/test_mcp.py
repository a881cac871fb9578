"""Tools of MCP servers, over pipes and over HTTP, with real server processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import ValidationError

from app.settings.mcp import McpServerSettings
from app.tools.catalogue import ToolCatalogue
from app.tools.mcp.servers import McpServers
from engine import JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.stored_file import StoredFile
from steps.tools.arguments import argument_problems
from steps.tools.asks import ToolAsks, digest_of
from steps.tools.tools import Tools, tool
from tests.harness.mcp_process import McpProcess, over_pipes

TRANSPORTS = ("pipes", "http", "http with sessions")
in_one_loop = pytest.mark.asyncio(loop_scope="module")
"""Tests that share a connection share the event loop that it belongs to."""


@tool
def add(a: int) -> int:
    """Add one."""
    return a + 1


async def no_file(file_id: str) -> StoredFile:
    raise StepBroke("UnknownFile", file_id)


CONTEXT = ToolContext("run-1", "step", 1, "run-1:step:1", no_file)


@asynccontextmanager
async def catalogue_of(**servers: dict[str, Any]) -> AsyncIterator[ToolCatalogue]:
    mcp = McpServers({k: McpServerSettings.model_validate(v) for k, v in servers.items()})
    mcp.start()
    try:
        yield ToolCatalogue(Tools([add]), mcp)
    finally:
        await mcp.close()


async def call(catalogue: ToolCatalogue, tool_id: str, **arguments: Any) -> Any:
    return await catalogue.call(tool_id, arguments, lambda: CONTEXT)


async def refusal(catalogue: ToolCatalogue, tool_id: str, **arguments: Any) -> StepBroke:
    with pytest.raises(StepBroke) as broke:
        await call(catalogue, tool_id, **arguments)
    return broke.value


def states(catalogue: ToolCatalogue) -> dict[str, JsonObject]:
    servers: Any = catalogue.document()["servers"]
    return {server["name"]: server for server in servers}


async def until(holds: Callable[[], bool], within: float = 60) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    # Signal 0 would also succeed for an orphan that has not been reaped.
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return state.stdout.strip()[:1] not in ("", "Z")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file with one line for each call of `count`."""
    file = tmp_path_factory.mktemp("mcp") / "calls"
    file.touch()
    return file


@pytest.fixture(scope="module", params=TRANSPORTS)
def settings(request: pytest.FixtureRequest, calls: Path) -> Iterator[dict[str, Any]]:
    """Return the settings of one server shared by all tests of a transport."""
    named = {"MCP_CALLS": str(calls)}
    if request.param == "pipes":
        yield over_pipes(**named)
        return
    old = {"MCP_OLD": "1"} if request.param == TRANSPORTS[2] else {}
    with McpProcess(**named, **old) as process:
        yield process.settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def catalogue(settings: dict[str, Any]) -> AsyncIterator[ToolCatalogue]:
    """Return one connection shared by all tests of a transport."""
    async with catalogue_of(calc=settings) as catalogue:
        yield catalogue


def counted(calls: Path) -> list[str]:
    """Return the keys of the calls of `count` so far."""
    return calls.read_text().split()


@in_one_loop
async def test_tools_are_listed_with_their_schemas(catalogue: ToolCatalogue) -> None:
    found = {info.id: info for info in await catalogue.list()}
    assert list(found) == sorted(found)
    assert found["add"].description == "Add one."
    assert found["calc.add"].description == "Add two numbers."
    assert found["calc.add"].input_schema["required"] == ["a"]
    assert states(catalogue)["calc"] == {
        "name": "calc", "status": "connected", "error": None, "warnings": [], "signIn": None
    }  # fmt: skip
    shown: Any = catalogue.document()["tools"]
    sources = {item["id"]: item["source"] for item in shown}
    assert (sources["add"], sources["calc.add"]) == ("function", "mcp")


@in_one_loop
async def test_a_result_is_the_structured_content_or_text_and_parts(
    catalogue: ToolCatalogue,
) -> None:
    assert await call(catalogue, "add", a=1) == 2
    assert await call(catalogue, "calc.add", a=1, b=2) == {"sum": 3}
    assert await call(catalogue, "calc.greet", name="you") == {
        "content": [{"type": "text", "text": "hello you"}],
        "text": "hello you",
    }
    long = await refusal(catalogue, "calc.long", length=600_000)
    assert (long.error.type, long.error.retryable) == ("InvalidToolResult", False)


@in_one_loop
async def test_resources_are_listed_and_read_through_two_tools(catalogue: ToolCatalogue) -> None:
    listed = await call(catalogue, "calc.list-resources")
    assert {item["uri"] for item in listed["resources"]} == {"notes://today", "notes://picture"}
    assert [item["uriTemplate"] for item in listed["templates"]] == ["notes://of/{day}"]
    picked = await call(catalogue, "calc.list-resources", contains="Picture")
    assert ([item["name"] for item in picked["resources"]], picked["more"]) == (["picture"], False)
    read = await call(catalogue, "calc.read-resource", uri="notes://of/monday")
    assert (read["text"], read["content"][0]["type"]) == ("nothing on monday", "resource")
    picture = await call(catalogue, "calc.read-resource", uri="notes://picture")
    assert picture["content"][0] == {
        "type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"
    }  # fmt: skip
    unknown = (await refusal(catalogue, "calc.read-resource", uri="notes://no")).error
    assert (unknown.type, unknown.retryable) == ("ToolFailed", False)


@in_one_loop
async def test_a_tool_that_asks_a_person_is_called_again_with_the_answer(
    catalogue: ToolCatalogue,
) -> None:
    asks = await refusal(catalogue, "calc.book", show="Hamlet")
    assert isinstance(asks, ToolAsks)
    answer: JsonObject = {"question": digest_of(asks.question), "value": "accept", "content": {"seats": 3}}  # fmt: skip
    context = replace(CONTEXT, answers=(answer,))
    reported: Any = await catalogue.call("calc.book", {"show": "Hamlet"}, lambda: context)
    assert reported == {"result": "3 in the front for Hamlet"}
    with pytest.raises(ToolAsks):  # the answer to another question is not used
        await catalogue.call("calc.book", {"show": "Lear"}, lambda: context)


@in_one_loop
async def test_a_server_gets_the_idempotency_key(catalogue: ToolCatalogue, calls: Path) -> None:
    before = len(counted(calls))
    assert await call(catalogue, "calc.count") == {"result": before + 1}
    assert await call(catalogue, "calc.count") == {"result": before + 2}
    assert counted(calls)[before:] == [CONTEXT.idempotency_key] * 2


@in_one_loop
async def test_bad_arguments_are_refused_before_the_call(catalogue: ToolCatalogue) -> None:
    wrong = (await refusal(catalogue, "calc.add", a="x")).error
    assert (wrong.type, wrong.retryable) == ("InvalidToolInput", False)
    assert "inputs.a" in wrong.message
    assert '"why"' in (await refusal(catalogue, "calc.fail")).error.message


@in_one_loop
async def test_a_failure_keeps_the_message_of_the_tool(catalogue: ToolCatalogue) -> None:
    failed = (await refusal(catalogue, "calc.fail", why="no luck" + "!" * 5_000)).error
    assert failed.type == "ToolFailed"
    assert "no luck!" in failed.message
    assert len(failed.message) <= 2_000


@in_one_loop
async def test_an_unknown_tool_is_reported_with_the_nearest_name(catalogue: ToolCatalogue) -> None:
    for wrong in ("calc.ad", "clac.add", "calc-add"):
        unknown = (await refusal(catalogue, wrong)).error
        assert (unknown.type, unknown.retryable) == ("UnknownTool", False)
        assert "did you mean calc.add?" in unknown.message


@in_one_loop
async def test_calls_are_not_blocked_by_slow_and_cancelled_ones(catalogue: ToolCatalogue) -> None:
    cancelled = asyncio.create_task(call(catalogue, "calc.sleep", seconds=600))
    slow = asyncio.create_task(call(catalogue, "calc.sleep", seconds=0.8))
    await asyncio.sleep(0.1)
    cancelled.cancel()
    many = await asyncio.gather(*(call(catalogue, "calc.add", a=n) for n in range(150)))
    assert [item["sum"] for item in many] == [n + 1 for n in range(150)]
    assert (await slow) == {"result": "slept"}
    assert cancelled.cancelled()
    assert await call(catalogue, "calc.add", a=1) == {"sum": 2}
    assert states(catalogue)["calc"]["status"] == "connected"


@in_one_loop
async def test_a_call_that_times_out_keeps_the_connection_usable(
    settings: dict[str, Any],
) -> None:
    async with catalogue_of(calc={**settings, "timeout": "300ms"}) as catalogue:
        await catalogue.list()
        late = [refusal(catalogue, "calc.sleep", seconds=600) for _ in range(3)]
        assert {lost.error.type for lost in await asyncio.gather(*late)} == {"Timeout"}
        assert states(catalogue)["calc"]["status"] == "connected"
        await until_answered(catalogue)


async def until_answered(catalogue: ToolCatalogue) -> None:
    """Call until an answer comes in time, since a busy machine may delay some."""
    for _ in range(50):
        try:
            assert await call(catalogue, "calc.add", a=1) == {"sum": 2}
        except StepBroke as late:
            assert late.error.type == "Timeout"  # noqa: PT017
        else:
            return
    raise AssertionError("no call is answered any more")


@in_one_loop
async def test_a_changed_tool_list_is_loaded(catalogue: ToolCatalogue) -> None:
    await catalogue.list()
    assert "calc.more" not in str(catalogue.document())
    await asyncio.sleep(0.3)  # with sessions, the stream for notifications opens later
    await call(catalogue, "calc.grow")
    await until(lambda: "calc.more" in str(catalogue.document()))
    assert await call(catalogue, "calc.more", text="ab") == {"result": "abab"}


async def test_a_killed_process_fails_its_calls_and_is_restarted() -> None:
    async with catalogue_of(calc=over_pipes()) as catalogue:
        pid = (await call(catalogue, "calc.pid"))["result"]
        hanging = asyncio.create_task(refusal(catalogue, "calc.sleep", seconds=30))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        lost = (await hanging).error
        assert (lost.type, lost.retryable) == ("McpUnavailable", True)
        assert "calc" in lost.message
        assert (await call(catalogue, "calc.pid"))["result"] != pid
        assert (await refusal(catalogue, "calc.die")).error.type == "McpUnavailable"


async def test_an_idle_process_that_dies_is_restarted() -> None:
    async with catalogue_of(calc=over_pipes()) as catalogue:
        pid = (await call(catalogue, "calc.pid"))["result"]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: states(catalogue)["calc"]["status"] != "connected")
        await until(lambda: states(catalogue)["calc"]["status"] == "connected")
        assert (await call(catalogue, "calc.pid"))["result"] != pid


@pytest.mark.parametrize("old", [{}, {"MCP_OLD": "1"}], ids=["sessionless", "with sessions"])
async def test_a_server_may_start_later_and_be_restarted(old: dict[str, str]) -> None:
    process = McpProcess(**old)
    async with catalogue_of(calc=process.settings) as catalogue:
        assert [info.id for info in await catalogue.list()] == ["add"]
        assert states(catalogue)["calc"]["error"]
        gone = (await refusal(catalogue, "calc.add", a=1)).error
        assert (gone.type, gone.retryable) == ("McpUnavailable", True)
        with process:
            await until(lambda: states(catalogue)["calc"]["status"] == "connected")
            pid = (await call(catalogue, "calc.pid"))["result"]
            hanging = asyncio.create_task(refusal(catalogue, "calc.sleep", seconds=30))
            await asyncio.sleep(0.2)
            process.kill()
            assert (await hanging).error.type == "McpUnavailable"
            assert "calc.pid" in {info.id for info in await catalogue.list()}
            process.start()
            until_s = time.monotonic() + 60
            while True:
                try:
                    assert (await call(catalogue, "calc.pid"))["result"] != pid
                    break
                except StepBroke as lost:
                    assert lost.error.type == "McpUnavailable"  # noqa: PT017
                    assert time.monotonic() < until_s
                    await asyncio.sleep(0.1)


async def test_a_header_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with McpProcess(MCP_TOKEN="t0ken") as process:
        guarded = {**process.settings, "headers": {"authorization": "env:CALC_TOKEN"}}
        async with catalogue_of(calc=guarded, open=process.settings) as catalogue:
            await catalogue.list()
            assert "CALC_TOKEN" in str(states(catalogue)["calc"]["error"])
            assert "HTTP 401" in str(states(catalogue)["open"]["error"])
        monkeypatch.setenv("CALC_TOKEN", "Bearer t0ken")
        async with catalogue_of(calc=guarded) as catalogue:
            assert await call(catalogue, "calc.add", a=1) == {"sum": 2}


class TokenGiver(ThreadingHTTPServer):
    """Issues tokens by client credentials in order, repeating the last one."""

    def __init__(self, *tokens: str) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(self.rfile.read(int(self.headers["content-length"])).decode())
                token = tokens[min(len(asked), len(tokens)) - 1]
                reported = json.dumps({"access_token": token, "expires_in": 3_600}).encode()
                self.send_response(200 if token else 403)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reported)))
                self.end_headers()
                self.wfile.write(reported)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


async def test_a_server_gets_a_token_and_a_new_one_after_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALC_SECRET", "s3cret")
    for tokens in (["old", "t0ken"], ["old"], [""]):
        giver = TokenGiver(*tokens)
        oauth = {"tokenUrl": f"http://127.0.0.1:{giver.server_port}/", "clientId": "me",
                 "clientSecret": "env:CALC_SECRET", "scope": "tools", "inBody": True}  # fmt: skip
        with McpProcess(MCP_TOKEN="t0ken") as process:
            async with catalogue_of(calc={**process.settings, "oauth": oauth}) as catalogue:
                await catalogue.list()
                if tokens[-1] == "t0ken":
                    assert await call(catalogue, "calc.add", a=1) == {"sum": 2}
                    assert len(giver.asked) == 2
                else:
                    reported = str(states(catalogue)["calc"]["error"])
                    assert ("HTTP 401" if tokens[0] else "status 403") in reported
                    assert "s3cret" not in reported
                assert "client_secret=s3cret" in giver.asked[0]
        giver.shutdown()
        giver.server_close()
    with pytest.raises(ValidationError, match="either oauth or a header"):
        McpServerSettings.model_validate(
            {"url": "http://x", "oauth": oauth, "headers": {"Authorization": "x"}}
        )


async def test_a_process_gets_only_the_configured_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUTER", "outer")
    named = over_pipes(INNER="inner", TAKEN="env:OUTER")
    async with catalogue_of(calc=named) as catalogue:
        for name, value in (("OUTER", ""), ("INNER", "inner"), ("TAKEN", "outer")):
            assert await call(catalogue, "calc.environment", name=name) == {"result": value}


async def test_a_server_that_reads_nothing_blocks_nobody() -> None:
    async with catalogue_of(calc={**over_pipes(), "timeout": "300ms"}) as catalogue:
        await catalogue.list()
        stalled = asyncio.create_task(refusal(catalogue, "calc.stall", seconds=600))
        await asyncio.sleep(0.1)
        more = [refusal(catalogue, "calc.greet", name="x" * 300_000) for _ in range(5)]
        async with asyncio.timeout(120):
            late = await asyncio.gather(stalled, *more)
        assert {item.error.type for item in late} == {"Timeout"}


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


async def test_a_server_that_does_not_start_affects_no_other(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    stubborn = {
        "command": sys.executable,
        "args": ["-c", STUBBORN, str(pids)],
        "startTimeout": "500ms",
    }
    missing = {"command": str(tmp_path / "nowhere")}
    short = {"command": "true"}
    async with catalogue_of(a=stubborn, b=missing, c=short, calc=over_pipes()) as catalogue:
        assert await call(catalogue, "calc.add", a=1) == {"sum": 2}
        await catalogue.list()
        reported = states(catalogue)
        assert "not ready within 0.5 s" in str(reported["a"]["error"])
        said = "nowhere cannot be started: No such file or directory"
        assert said in str(reported["b"]["error"])
        assert reported["c"]["status"] != "connected"
        assert "its process ended with exit code 0" in str(reported["c"]["error"])
    assert not is_alive(int(pids.read_text()))


async def test_close_ends_all_processes_and_calls(settings: dict[str, Any]) -> None:
    async with catalogue_of(calc={**settings, "timeout": "10m"}) as catalogue:
        pid = (await call(catalogue, "calc.pid"))["result"]
        hanging = asyncio.create_task(refusal(catalogue, "calc.sleep", seconds=600))
        await asyncio.sleep(0.1)
    assert (await hanging).error.type == "McpUnavailable"
    assert "stopping" in (await refusal(catalogue, "calc.add", a=1)).error.message
    assert is_alive(pid) == ("url" in settings)


async def test_stderr_of_a_process_is_logged_in_part_and_without_its_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALC_TOKEN", "open sesame")
    given = over_pipes()
    env = {**given.get("env", {}), "TOKEN": "env:CALC_TOKEN", "PLAIN": "short"}
    async with catalogue_of(calc={**given, "env": env}) as catalogue:
        await call(catalogue, "calc.complain", line="short")
        await call(catalogue, "calc.complain", line="<" + "x" * 300_000 + ">")
        await call(catalogue, "calc.complain", line="after open sesame")
    said = [line for line in capsys.readouterr().out.splitlines() if "mcp server said" in line]
    assert len(said) == 3
    assert "short" in said[0]
    assert "<xxx" in said[1]
    assert len(said[1]) < 2_200
    assert "after ***" in said[2]


def test_of_many_wrong_arguments_some_are_reported() -> None:
    items = {"type": "array", "items": {"type": "integer"}}
    wrong = argument_problems({"properties": {"list": items}}, {"list": ["x" * 10_000] * 100}, "inputs")  # fmt: skip
    assert wrong[0].path == "inputs.list[0]"
    assert len(str(wrong)) < 2_000
