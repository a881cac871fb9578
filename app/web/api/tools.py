"""Tools over HTTP: which there are, and which servers bring them."""

from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint


async def list_tools(call: Call) -> Response:
    """List the tools that steps may call."""
    return JSONResponse(call.services.tools.document())


async def begin_mcp_sign_in(call: Call) -> Response:
    """Return the address at which the caller signs in at an MCP server; ends on the console."""
    address = await call.services.mcp_sign_ins.begin(call.tenant, call.path("name"), call.caller)
    return JSONResponse({"address": address})


async def sign_out_at_mcp_server(call: Call) -> Response:
    """Forget the tenant's tokens of an MCP server, and revoke them where that can be done."""
    name = call.path("name")
    revoked = await call.services.mcp_sign_ins.sign_out(call.tenant, name)
    return JSONResponse({"success": True, "name": name, "revoked": revoked})


_SIGN_IN = "/api/mcp-servers/{name}/sign-in"

ENDPOINTS = (
    Endpoint("GET", "/api/tools", Role.VIEWER, list_tools, "List tools"),
    Endpoint("POST", _SIGN_IN, Role.ADMIN, begin_mcp_sign_in, "Begin to sign in at an MCP server"),
    Endpoint("DELETE", _SIGN_IN, Role.ADMIN, sign_out_at_mcp_server, "Sign out at an MCP server"),
)
