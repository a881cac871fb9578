"""A call that was not sent is retried on the next connection; any other call never is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from app.outbound.way_out import WayOut
from app.settings.mcp import McpServerSettings
from app.tools.mcp import server as mcp_server
from app.tools.mcp.connection import connect
from app.tools.mcp.link import McpCall, McpTool, McpUnavailable, NotSent, Token, ToolList
from app.tools.mcp.server import McpServer
from engine import Json
from tests.harness.mcp_process import over_pipes

SETTINGS = McpServerSettings.model_validate(over_pipes())


class Links:
    """Connections that each fail their first call as configured and are then lost."""

    def __init__(self, *failures: type[McpUnavailable]) -> None:
        self.failures = list(failures)
        self.calls = 0
        self._look: Callable[[], None] = lambda: None
        self._is_lost = False

    @asynccontextmanager
    async def connect(
        self,
        name: str,
        settings: McpServerSettings,
        way: WayOut,
        look: Callable[[], None],
        token: Token | None,
    ) -> AsyncIterator["Links"]:
        self._look, self._is_lost = look, False
        yield self

    async def tools(self) -> ToolList:
        if self._is_lost:
            raise ConnectionError("gone")
        return ToolList([McpTool("add", "", {"type": "object"})])

    async def call(self, _: McpCall) -> Json:
        self.calls += 1
        if not self.failures:
            return "answer"
        self._is_lost = True
        self._look()
        raise self.failures.pop(0)("calc", "lost")


@asynccontextmanager
async def served(links: Links, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[McpServer]:
    monkeypatch.setattr(mcp_server, "_library", lambda: links.connect)
    monkeypatch.setattr(mcp_server, "_PAUSE_MS", 1)
    server = McpServer("calc", SETTINGS)
    server.start()
    try:
        yield server
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("failures", "calls", "answer"),
    [
        ([], 1, "answer"),
        ([NotSent, NotSent], 3, "answer"),
        ([NotSent, NotSent, NotSent], 3, NotSent),
        ([McpUnavailable], 1, McpUnavailable),
        ([NotSent, McpUnavailable], 2, McpUnavailable),
    ],
)
async def test_an_unsent_call_is_retried_a_few_times(
    failures: list[type[McpUnavailable]], calls: int, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = Links(*failures)
    async with served(links, monkeypatch) as server:
        if answer == "answer":
            assert await server.call(McpCall("add", {}, "key")) == answer
        else:
            with pytest.raises(McpUnavailable) as broke:
                await server.call(McpCall("add", {}, "key"))
            assert type(broke.value) is answer
    assert links.calls == calls


async def test_only_calls_sent_before_the_loss_may_have_been_read() -> None:
    lost = asyncio.Event()
    with suppress(Exception):  # the library's own error for a closed connection
        async with connect("calc", SETTINGS, WayOut(), lost.set) as link:
            with pytest.raises(McpUnavailable) as broke:
                await link.call(McpCall("die", {}, "key"))
            assert type(broke.value) is McpUnavailable
            with pytest.raises(NotSent):
                await link.call(McpCall("add", {"a": 1}, "key"))
            return
    raise AssertionError("the connection did not say what became of the calls")
