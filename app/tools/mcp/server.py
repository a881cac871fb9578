"""One MCP server: a task that keeps a connection to it, and calls that go through it.

The task alone opens and leaves the connection, since the library's scopes must be left by
the task that entered them; it lists the tools again when something may have changed, and
takes the connection for lost when that fails. Calls come from any task.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Literal, TypeAlias

import anyio

from app.concurrency.first_use import loaded
from app.concurrency.until_set import until_set
from app.outbound.way_out import WayOut
from app.settings.mcp import McpServerSettings
from app.telemetry import log
from app.tools.mcp.link import (
    Link,
    McpCall,
    McpTool,
    McpUnavailable,
    NoTools,
    NotSent,
    Token,
    ToolList,
)
from engine import Json, backoff_ms
from steps.contract.step_type import StepBroke, listed
from steps.tools.arguments import ArgumentsSchema, UnusableSchema

ServerStatus: TypeAlias = Literal["connecting", "connected", "unavailable"]
Connect: TypeAlias = Callable[
    [str, McpServerSettings, WayOut, Callable[[], None], Token | None],
    AbstractAsyncContextManager[Link],
]

_PAUSE_MS = 250
_LONGEST_PAUSE_MS = 30_000
_STEADY_S = 30.0
_LOOK_EVERY_S = 0.1
_LEAVE_S = 3.0
_CLOSE_S = 8.0
_LONGEST_ERROR = 500
_MOST_WARNINGS = 100
_MOST_LINKS = 3


class McpServer:
    """Keeps the connection to one server; its tools stay known while it is unavailable.

    Attributes:
        name: Its name in the settings.
        status: Whether it is connected now, or an attempt is under way or has failed.
        error: Why it is or was not available; None once it is connected.
        tools: The last known tools, by the server's own names.
        warnings: What is wrong with some of them; each names its tool.
    """

    def __init__(
        self,
        name: str,
        settings: McpServerSettings,
        way: WayOut | None = None,
        token: Token | None = None,
    ) -> None:
        self._token = token
        self._way = way or WayOut()
        self.name = name
        self.status: ServerStatus = "connecting"
        self.error: str | None = None
        self.tools: Mapping[str, McpTool] = {}
        self.warnings: Sequence[str] = ()
        self._settings = settings
        self._arguments: dict[str, ArgumentsSchema] = {}
        self._link: Link | None = None
        self._was_up = False
        self._look = asyncio.Event()
        self._wanted = asyncio.Event()
        self._left = asyncio.Event()
        self._attempt = asyncio.Event()
        self._first = asyncio.Event()
        self._scope = anyio.CancelScope()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep the connection, in the background."""
        self._task = asyncio.create_task(self._keep())

    async def settled(self) -> None:
        """Wait until the first attempt to connect has ended, well or not."""
        await self._first.wait()

    async def knows(self, tool: str) -> bool:
        """Return whether the server has a tool, if need be when it is there.

        Raises `McpUnavailable` when the tool is not known and the server cannot be asked.
        """
        if tool not in self.tools:
            await self._ready()
        return tool in self.tools

    async def call(self, call: McpCall) -> Json:
        """Check the arguments against the tool's schema and call it. Raises `StepBroke`.

        A connection that was closed before anything was sent is not the call's fault: the next
        one is taken, a few times.
        """
        for _ in range(_MOST_LINKS - 1):
            try:
                return await self._call(call)
            except NotSent:
                continue
        return await self._call(call)

    async def _call(self, call: McpCall) -> Json:
        link, left = await self._ready(), self._left
        schema = self._arguments.get(call.tool)
        if schema and (wrong := schema.problems(call.arguments, "inputs")):
            message = f"tool {self.name}.{call.tool} cannot take these inputs: {listed(wrong)}"
            raise StepBroke("InvalidToolInput", message, retryable=False)
        try:
            return await link.call(call)
        except NotSent:
            await until_set(left, self._settings.timeout / 1_000)
            raise

    async def close(self) -> None:
        """End the connection and its process; takes seconds at most."""
        is_up, self._is_closing = self._link is not None, True
        self._fail("Stepwell is stopping")
        self._attempt.set()
        if self._task is None:
            return
        if not is_up:
            self._scope.cancel()
        self._look.set()
        for wait_s, urge in ((_LEAVE_S, self._scope.cancel), (_CLOSE_S, self._task.cancel)):
            done, _ = await asyncio.wait({self._task}, timeout=wait_s)
            if done:
                return
            urge()
        log.mcp_not_closed(self.name)

    async def _ready(self) -> Link:
        """Return the connection, after the attempt that is due when it is down."""
        if self._link is None and not self._is_closing:
            self._wanted.set()
            await until_set(self._attempt, self._settings.timeout / 1_000)
        if self._link is None:
            raise McpUnavailable(self.name, self.error or "it is still starting")
        return self._link

    async def _keep(self) -> None:
        attempt = 0
        loop = asyncio.get_running_loop()
        with self._scope:
            while not self._is_closing:
                began_s = loop.time()
                try:
                    await self._live()
                except Exception as failed:  # noqa: BLE001 - whatever it is, the server is away
                    if self._is_closing:
                        return
                    if loop.time() - began_s > _STEADY_S:
                        attempt = 0
                    attempt += 1
                    pause_s = _pause_s(attempt)
                    why = _reason(failed)
                    self._fail(why)
                    log.mcp_unavailable(self.name, why, pause_s)
                    await self._pause(pause_s)

    async def _live(self) -> None:
        """Connect, and stay until the connection is lost or not wanted any more."""
        self.status = "connecting"
        self._look.clear()
        start_s = self._settings.start_timeout / 1_000
        connect = await loaded(_library)  # before the time of the server's start begins
        # One scope for the whole life, its deadline lifted once the server is there: a scope
        # around the start alone would have to be left after those that the start opens.
        with anyio.CancelScope(deadline=anyio.current_time() + start_s) as scope:
            async with connect(
                self.name, self._settings, self._way, self._look.set, self._token
            ) as link:
                self._learn(await link.tools())
                scope.deadline = math.inf
                self._succeed(link)
                try:
                    while not self._is_closing:
                        await self._look.wait()
                        self._look.clear()
                        if not self._is_closing:
                            await self._learn_again(link)
                            # A server that never stops saying that it changed is asked
                            # ten times a second, not all the time.
                            await asyncio.sleep(_LOOK_EVERY_S)
                finally:
                    # Who calls from now on waits for the next attempt.
                    self._link, self._attempt = None, asyncio.Event()
                    self._left.set()
        if scope.cancelled_caught:
            raise TimeoutError(f"it was not ready within {start_s:g} s")
        if not self._is_closing:
            raise ConnectionError("the connection ended")

    async def _learn_again(self, link: Link) -> None:
        try:
            self._learn(await link.tools())
        except NoTools as late:
            log.mcp_list_late(self.name, str(late))

    def _learn(self, found: ToolList) -> None:
        tools: dict[str, McpTool] = {}
        warnings = list(found.warnings)
        arguments: dict[str, ArgumentsSchema] = {}
        for tool in found.tools:
            tools[tool.name] = tool
            try:
                arguments[tool.name] = ArgumentsSchema(tool.input_schema)
            except UnusableSchema as odd:
                # No provider would take it, and with it none of the other tools.
                tools[tool.name] = replace(tool, input_schema={"type": "object"})
                why = f"tool {tool.name}: its inputSchema cannot be used: {odd}"[:_LONGEST_ERROR]
                warnings.append(f"{why}; its arguments are not checked")
        for warning in warnings:
            if warning not in self.warnings:
                log.mcp_tool_odd(self.name, warning)
        self.tools, self.warnings, self._arguments = tools, warnings[:_MOST_WARNINGS], arguments

    def _succeed(self, link: Link) -> None:
        self._link, self._was_up, self.status, self.error = link, True, "connected", None
        self._left = asyncio.Event()
        self._attempt.set()
        self._first.set()
        log.mcp_connected(self.name, len(self.tools))

    def _fail(self, why: str) -> None:
        """Record why the server is away; who waited for an attempt that failed is let go."""
        self._link, self.status, self.error = None, "unavailable", why
        if not self._was_up:
            self._attempt.set()
            self._first.set()
            self._attempt = asyncio.Event()
        self._was_up = False

    async def _pause(self, pause_s: float) -> None:
        """Wait before the next attempt, less long when somebody wants the server."""
        self._wanted.clear()
        least_s = min(pause_s, max(1.0, pause_s / 4))
        await asyncio.sleep(least_s)
        with anyio.move_on_after(pause_s - least_s):
            await self._wanted.wait()


def _library() -> Connect:
    """Import the MCP library: it takes half a second and 50 MB, so only where it is used."""
    from app.tools.mcp.connection import connect

    return connect


def _reason(failed: BaseException) -> str:
    """Return what failed, out of the groups that task groups put around it."""
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    if isinstance(failed, OSError) and failed.filename:
        return f"{failed.filename} cannot be started: {failed.strerror}"
    return (str(failed) or type(failed).__name__)[:_LONGEST_ERROR]


def _pause_s(attempt: int) -> float:
    return backoff_ms(attempt, 1.0, initial_ms=_PAUSE_MS, maximum_ms=_LONGEST_PAUSE_MS) / 1_000
