"""Tools over HTTP: the available tools, the servers that provide them, and sign-ins there."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked

_MOST = 8_192


class SignInCode(BaseModel):
    """The parameters with which an authorization server redirected a person back."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    state: str = Field(max_length=_MOST, description="as the address has it")
    code: str = Field(max_length=_MOST, description="as the address has it")
    iss: str | None = Field(None, max_length=_MOST, description="as in the address, if present")


async def list_tools(call: Call) -> Response:
    """List the tools that steps may call."""
    return JSONResponse(call.services.tools.document())


async def begin_mcp_sign_in(call: Call) -> Response:
    """Return the address where the caller signs in at an MCP server; it ends on the console."""
    address = await call.services.mcp_sign_ins.begin(call.tenant, call.path("name"), call.caller)
    return JSONResponse({"address": address})


async def end_mcp_sign_in(call: Call) -> Response:
    """Accept the code of a sign-in from the person who began it."""
    sent = checked(SignInCode, await json_body(call.request, call.services.settings))
    name = call.path("name")
    sign_ins = call.services.mcp_sign_ins
    await sign_ins.complete(call.caller, name, sent.state, sent.code, sent.iss)
    return JSONResponse({"success": True, "name": name})


async def sign_out_at_mcp_server(call: Call) -> Response:
    """Delete the tenant's tokens of an MCP server, and revoke them if possible."""
    name = call.path("name")
    revoked = await call.services.mcp_sign_ins.sign_out(call.tenant, name)
    return JSONResponse({"success": True, "name": name, "revoked": revoked})


_SIGN_IN = "/api/mcp-servers/{name}/sign-in"

ENDPOINTS = (
    Endpoint("GET", "/api/tools", Role.VIEWER, list_tools, "List tools"),
    Endpoint("POST", _SIGN_IN, Role.ADMIN, begin_mcp_sign_in, "Begin a sign-in at an MCP server"),
    Endpoint("PUT", _SIGN_IN, Role.ADMIN, end_mcp_sign_in, "Complete a sign-in at an MCP server",
             SignInCode),
    Endpoint("DELETE", _SIGN_IN, Role.ADMIN, sign_out_at_mcp_server, "Sign out at an MCP server"),
)  # fmt: skip
