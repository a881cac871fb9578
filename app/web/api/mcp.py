"""Stepwell as an MCP server: workflows marked as tools, over streamable HTTP."""

import functools
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from app.auth.roles import Role
from app.concurrency.first_use import loaded
from app.concurrency.offload import LONG_BYTES, offload
from app.settings.extras import extra
from app.web.api.mcp_message import broken, fault_of, refused
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import read_body
from app.wire.parsing.json_text import parse_json

PATH = "/mcp"


async def mcp(call: Call) -> Response:
    """Answer a message of an MCP client."""
    settings = call.services.settings
    origin = call.request.headers.get("origin")
    if origin is not None and origin not in (settings.address, *settings.cors_origins):
        # Prevents DNS rebinding: a web page must not reach the server under its own host name.
        raise BadRequest("this origin is not allowed; name it in cors_origins")
    body = await read_body(call.request, settings.max_body_bytes, settings.body_timeout)
    try:
        if len(body) < LONG_BYTES:
            message = parse_json(body)
        else:
            message = await offload(functools.partial(parse_json, body))
    except BadRequest as unreadable:
        return broken(str(unreadable))
    if (fault := fault_of(message)) is not None:
        return refused(message, fault)
    exchange = await loaded(_exchange)
    return await exchange(call, body.removeprefix(BOM_UTF8))


@functools.cache
def _exchange() -> Callable[[Call, bytes], Awaitable[Response]]:
    """Load the library beside the loop: a start is faster without it, and many never need it."""
    with extra("mcp", "answering MCP clients"):
        from app.web.api.mcp_exchange import exchange

    return exchange


ENDPOINTS = (Endpoint("POST", PATH, Role.VIEWER, mcp, "Answer an MCP client"),)
"""Not part of the API description: the protocol describes itself."""
