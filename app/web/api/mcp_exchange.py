"""One message of an MCP client and its answer; the only module that uses the MCP library.

It is imported when the first message arrives. Each exchange is independent: there are no sessions,
so nothing is remembered, and a client may continue after a restart of the server.
"""

import asyncio
from importlib.metadata import version
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)
from starlette.responses import Response
from starlette.types import Message

from app.telemetry import log, log_output
from app.web.api.mcp_tools import UnknownTool, called, tools_of
from app.web.endpoint import Call
from app.web.errors import is_known

_CALL = "stepwell.call"
_KEY = "stepwell/idempotencyKey"
_ABOUT = (
    "Each tool except get_run and cancel_run is a workflow: a call starts a run. A paused run "
    "waits for a person, who answers elsewhere; get_run shows the state of a run that is still "
    "running."
)

log_output.take_over("mcp")


async def _list_tools(
    ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
) -> ListToolsResult:
    found, cursor = await tools_of(_call_of(ctx), params.cursor if params else None)
    tools = [
        Tool(name=tool.id, description=tool.description, input_schema=tool.input_schema)
        for tool in found
    ]
    return ListToolsResult(tools=tools, next_cursor=cursor)


async def _call_tool(
    ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams
) -> CallToolResult:
    call, meta = _call_of(ctx), ctx.meta or {}
    key = meta.get(_KEY) if isinstance(meta, dict) else None
    try:
        answer = await called(call, params.name, params.arguments or {}, str(key) if key else None)
    except UnknownTool as unknown:
        raise MCPError(INVALID_PARAMS, str(unknown)) from unknown
    except Exception as failure:  # noqa: BLE001 - every failure is an answer
        message = str(failure)
        if not is_known(failure):
            log.request_failed(call.request.scope["stepwell.request_id"], failure)
            message = "the server failed; see its log"
        return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)
    return CallToolResult(
        content=[TextContent(type="text", text=answer.text)],
        structured_content=answer.document,
        is_error=answer.is_error,
    )


def _call_of(ctx: ServerRequestContext[Any, Any]) -> Call:
    assert ctx.request is not None  # noqa: S101 - each message arrives with a request
    call: Call = ctx.request.scope[_CALL]
    return call


_server: Server[Any] = Server(
    "stepwell",
    version=version("stepwell"),
    instructions=_ABOUT,
    on_list_tools=_list_tools,
    on_call_tool=_call_tool,
)


async def exchange(call: Call, body: bytes) -> Response:
    """Return the answer to a message."""
    begun: list[Message] = []
    content = bytearray()
    is_read = False

    async def receive() -> Message:
        nonlocal is_read
        if is_read:
            await asyncio.Event().wait()  # disconnects of the client are noticed elsewhere
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
        else:
            content.extend(message.get("body", b""))

    manager = StreamableHTTPSessionManager(_server, json_response=True, stateless=True)
    async with manager.run():
        await manager.handle_request({**call.request.scope, _CALL: call}, receive, send)
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in begun[0].get("headers", ())
        if name.lower() != b"content-length"
    }
    return Response(bytes(content), begun[0]["status"], headers)
