"""One connection to an MCP server, by the MCP library; all that knows the library is here.

Imported when the first server is opened, and not before (see `server`).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_TIMEOUT,
    Implementation,
    ListToolsResult,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from app.clock import SystemClock
from app.outbound.http_client import HttpClient
from app.outbound.network import EVERYWHERE
from app.outbound.oauth import OAuthTokens
from app.outbound.way_out import WayOut
from app.secrets.mask import Mask
from app.settings.mcp import McpOAuth, McpServerSettings, resolved, taken_from_variables
from app.telemetry import log_output
from app.tools.mcp.elicitation import Elicitation, OpenCall
from app.tools.mcp.http import SESSION_OVER, http_client
from app.tools.mcp.link import McpCall, McpTool, McpUnavailable, NoTools, NotSent, Token, ToolList
from app.tools.mcp.mending import LOST, Handed, MendedTransport, handed
from app.tools.mcp.resources import RESOURCE_TOOLS, asked_of_resources
from app.tools.mcp.result import result_of
from app.tools.mcp.rounds import ToolRounds
from app.tools.mcp.stderr import logged
from app.tools.mcp.stdio import LONGEST_LINE, TOO_LONG, Ending, reporting, stdio
from engine import Json
from steps.contract.step_type import StepBroke
from steps.effects.outgoing import TokenRequest

_PAGES = 100
_LISTEN_AGAIN_S = 5.0
_LONG_EVENT = "SSE stream failed: Server-sent event exceeded"  # as the library says it
_KEY = "stepwell/idempotencyKey"
_LONGEST = 2_000
# The library's limits begin when a request is written, which a server that does not read
# its input can put off for ever.
_WRITE_S = 1.0

for _library in ("mcp", "client"):  # its session logs under the second name
    log_output.take_over(_library)


@asynccontextmanager
async def connect(
    name: str,
    settings: McpServerSettings,
    way: WayOut,
    look: Callable[[], None],
    token: Token | None = None,
) -> AsyncIterator["Connection"]:
    """Open a connection; leaving it stops the server process, within seconds.

    Enter and leave it in the same task. `look` is called when the tools may have changed or
    the server may be gone: list them to find out. `token` gives the tokens of somebody who is
    signed in. Raises whatever went wrong.
    """

    async def heard(message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            look()

    ending = Ending()
    transport = MendedTransport(_streams(name, settings, way, look, token, ending))
    elicitation = Elicitation()
    async with (
        reporting(ending),
        Client(
            transport,
            read_timeout_seconds=settings.timeout / 1_000,
            message_handler=heard,
            elicitation_callback=elicitation.answer,
            client_info=Implementation(name="stepwell", version=version("stepwell")),
            cache=None,
        ) as client,
        anyio.create_task_group() as watching,
    ):
        watching.start_soon(_watch, client, look)
        try:
            yield Connection(name, settings, client, transport, look, elicitation)
        finally:
            watching.cancel_scope.cancel()


@asynccontextmanager
async def _streams(  # noqa: PLR0913 - what a connection is made of, each passed in
    name: str,
    settings: McpServerSettings,
    way: WayOut,
    look: Callable[[], None],
    token: Token | None,
    ending: Ending,
) -> AsyncIterator[tuple[Any, Any]]:
    async with AsyncExitStack() as stack:
        if settings.command is not None:
            mask = Mask(taken_from_variables(settings.env))
            errors = await stack.enter_async_context(logged(name, look, mask))
            parameters = StdioServerParameters(
                command=settings.command,
                args=settings.args,
                env=resolved(settings.env),
                cwd=settings.cwd,
            )
            try:
                streams = await stack.enter_async_context(stdio(parameters, errors, ending))
            except OSError as failed:
                failed.filename = failed.filename or settings.command  # uvloop leaves it out
                raise
            # The process has its own by now; this one would keep the pipe from ending.
            errors.close()
        else:
            headers = resolved(settings.headers)
            if settings.oauth is not None:
                token = await _tokens(settings.oauth, way, stack)
            client = await stack.enter_async_context(http_client(headers, way, look, token))
            streams = await stack.enter_async_context(
                streamable_http_client(
                    str(settings.url), http_client=client, max_sse_event_size=LONGEST_LINE
                )
            )
        yield streams


async def _tokens(oauth: McpOAuth, way: WayOut, stack: AsyncExitStack) -> Token:
    """Return what gives the tokens of a server, wherever the operator says they are given."""
    client = HttpClient(EVERYWHERE, way, 1)
    stack.push_async_callback(client.close)
    tokens = OAuthTokens(client, SystemClock(), lambda *_: None)
    named = resolved({"clientId": oauth.client_id, "clientSecret": oauth.client_secret})
    wanted = TokenRequest(
        oauth.token_url, named["clientId"], named["clientSecret"], oauth.scope, oauth.audience,
        oauth.in_body,
    )  # fmt: skip

    async def token(refused: str | None) -> str:
        return await tokens.token("", wanted, refused)

    return token


async def _watch(client: Client, look: Callable[[], None]) -> None:
    """Listen for changes of the list, where the protocol has a stream for that."""
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return
    while True:
        try:
            async with client.listen(tools_list_changed=True) as changes:
                look()  # for what changed after the last list and before this was heard
                async for _ in changes:
                    look()
        except MCPError as refused:
            if refused.code != CONNECTION_CLOSED:
                return
            look()
        except (SubscriptionLost, TimeoutError):
            look()
        await anyio.sleep(_LISTEN_AGAIN_S)


class Connection:
    """A connection that is up."""

    def __init__(  # noqa: PLR0913 - what a connection is made of, each passed in
        self,
        name: str,
        settings: McpServerSettings,
        client: Client,
        transport: MendedTransport,
        look: Callable[[], None],
        elicitation: Elicitation,
    ) -> None:
        self._name = name
        self._limit_s = settings.timeout / 1_000
        self._client = client
        self._transport = transport
        self._look = look
        self._elicitation = elicitation
        self._resources: frozenset[str] = frozenset()
        self._is_over = False

    async def tools(self) -> ToolList:
        """List the tools. Raises `NoTools` when that takes too long, `MCPError` when it fails."""
        if self._is_over:
            raise MCPError(CONNECTION_CLOSED, "it has ended the session")
        found: list[McpTool] = []
        self._transport.warnings.clear()
        cursor: str | None = None
        seen: set[str] = set()
        while len(seen) < _PAGES:
            try:
                page = await self._page(cursor)
            except MCPError as refused:
                if refused.code == METHOD_NOT_FOUND and not self._declares_tools:
                    break
                if not found or refused.code == CONNECTION_CLOSED:
                    raise
                self._transport.warnings.append(f"the list of tools breaks off: {refused.message}")
                break
            found += [
                McpTool(tool.name, tool.description or "", tool.input_schema) for tool in page.tools
            ]
            cursor = page.next_cursor
            if not cursor:
                break
            if cursor in seen:
                self._transport.warnings.append("the list of tools breaks off: a page comes again")
                break
            seen.add(cursor)
        else:
            self._transport.warnings.append(f"the list of tools breaks off after {_PAGES} pages")
        if self._client.server_capabilities.resources is not None:
            named = {tool.name for tool in found}
            own = [tool for tool in RESOURCE_TOOLS if tool.name not in named]
            self._resources = frozenset(tool.name for tool in own)
            found += own
        warnings = tuple(self._transport.warnings)
        self._transport.warnings.clear()
        return ToolList(found, warnings)

    @property
    def _declares_tools(self) -> bool:
        return self._client.server_capabilities.tools is not None

    async def _page(self, cursor: str | None) -> ListToolsResult:
        try:
            with anyio.fail_after(self._limit_s + _WRITE_S):
                return await self._client.list_tools(cursor=cursor)
        except TimeoutError as late:
            raise NoTools("it does not read what it is sent") from late
        except MCPError as refused:
            if refused.code == REQUEST_TIMEOUT:
                raise NoTools(refused.message) from refused
            raise

    async def call(self, call: McpCall) -> Json:
        """Call a tool; the server finds the key as `_meta["stepwell/idempotencyKey"]`."""
        tool_id = f"{self._name}.{call.tool}"
        with self._elicitation.of(tool_id, call.answers) as open_call:
            try:
                result = await self._answer(tool_id, call, open_call)
            except StepBroke:
                open_call.end()
                raise
            open_call.end()
        return result

    async def _answer(self, tool_id: str, call: McpCall, open_call: OpenCall) -> Json:
        """Return what a tool, or the server about its resources, answers. Raises `StepBroke`."""
        sent = Handed()
        handed.set(sent)
        try:
            with anyio.fail_after(self._limit_s + _WRITE_S):
                if call.tool in self._resources:
                    return await asked_of_resources(self._client, tool_id, call)
                meta: Any = {_KEY: call.idempotency_key}
                result = await ToolRounds(self._client, call, meta, open_call).result()
        except TimeoutError as late:
            raise self._late(tool_id) from late
        except MCPError as refused:
            raise self._broke(tool_id, refused, sent) from refused
        except LOST as lost:
            self._look()
            raise self._gone("the connection was lost", sent) from lost
        except (ValidationError, RuntimeError) as odd:
            message = f"tool {tool_id} answered what its server does not declare: {odd}"[:_LONGEST]
            raise StepBroke("InvalidToolResult", message, retryable=False) from odd
        content = [
            part.model_dump(mode="json", by_alias=True, exclude_none=True)
            for part in result.content
        ]
        return result_of(
            tool_id, content, result.structured_content, is_error=bool(result.is_error)
        )

    def _late(self, tool_id: str) -> StepBroke:
        message = f"tool {tool_id} did not answer within {self._limit_s:g} s"
        return StepBroke("Timeout", message)

    def _gone(self, why: str, call: Handed) -> McpUnavailable:
        return (McpUnavailable if call.over else NotSent)(self._name, why)

    def _broke(self, tool_id: str, refused: MCPError, call: Handed) -> StepBroke:
        if refused.code == REQUEST_TIMEOUT:
            return self._late(tool_id)
        self._is_over = self._is_over or refused.data == SESSION_OVER
        # Look in any case: how a server says that it has lost the session is its own choice.
        self._look()
        if refused.code == TOO_LONG or refused.message.startswith(_LONG_EVENT):
            message = f"tool {tool_id} gave an answer of more than {LONGEST_LINE:,} bytes"
            return StepBroke("InvalidToolResult", message, retryable=False)
        if refused.code == CONNECTION_CLOSED:
            if refused.data == SESSION_OVER:
                return NotSent(self._name, refused.message)
            return self._gone(refused.message, call)
        message = f"tool {tool_id} failed: {refused.message}"[:_LONGEST]
        return StepBroke(
            "ToolFailed", message, retryable=refused.code not in (INVALID_PARAMS, METHOD_NOT_FOUND)
        )
