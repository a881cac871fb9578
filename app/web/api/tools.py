"""Tools over HTTP: which there are, and which servers bring them."""

from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint


async def list_tools(call: Call) -> Response:
    """List the tools that steps may call."""
    return JSONResponse(call.services.tools.document())


ENDPOINTS = (Endpoint("GET", "/api/tools", Role.VIEWER, list_tools, "List tools"),)
