"""An MCP server over standard input and output that passes requests to another one over HTTP."""

from importlib.metadata import version
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    Implementation,
    ListToolsResult,
    PaginatedRequestParams,
)

_LONGEST_ANSWER_S = 120.0


def serve(url: str, headers: dict[str, str]) -> None:
    """Serve until standard input ends."""
    anyio.run(_serve, url, headers)


async def _serve(url: str, headers: dict[str, str]) -> None:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=_LONGEST_ANSWER_S) as http,
        Client(
            streamable_http_client(url, http_client=http),
            read_timeout_seconds=_LONGEST_ANSWER_S,
            client_info=Implementation(name="stepwell", version=version("stepwell")),
            cache=None,
        ) as client,
    ):
        server = _bridge(client)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())


def _bridge(client: Client) -> Server[Any]:
    async def list_tools(
        _: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return await client.list_tools(cursor=params.cursor if params else None)

    async def call_tool(
        _: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult:
        return await client.call_tool(params.name, params.arguments, meta=params.meta)

    return Server(
        "stepwell",
        version=version("stepwell"),
        instructions=client.instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
