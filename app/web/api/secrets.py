"""Secrets over HTTP: names and times are shown, values can only be written."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.secrets.vault import LONGEST
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.tenant_documents import secret_document


class SecretBody(BaseModel):
    """A secret's value."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True
    )

    value: str = Field(
        min_length=1,
        max_length=LONGEST,
        description="never shown again; a value of fewer than 4 characters is not masked",
        repr=False,
    )


async def list_secrets(call: Call) -> Response:
    """List the names of the tenant's secrets."""
    return JSONResponse(
        [secret_document(secret) for secret in call.services.secrets.names(call.tenant)]
    )


async def put_secret(call: Call) -> Response:
    """Store a secret, replacing one of that name."""
    try:
        raw = await json_body(call.request, call.services.settings)
    except BadRequest:
        # The details of an invalid body could reveal a part of it.
        raise BadRequest('the body must be JSON: {"value": "a text"}') from None
    body = checked(SecretBody, raw)
    secret, is_new = await call.services.secrets.put(call.tenant, call.path("name"), body.value)
    return JSONResponse(secret_document(secret), 201 if is_new else 200)


async def delete_secret(call: Call) -> Response:
    """Delete a secret; steps that use it fail from now on."""
    await call.services.secrets.delete(call.tenant, call.path("name"))
    return JSONResponse({"success": True, "name": call.path("name")})


ENDPOINTS = (
    Endpoint("GET", "/api/secrets", Role.ADMIN, list_secrets, "List the names of secrets"),
    Endpoint(
        "PUT", "/api/secrets/{name}", Role.ADMIN, put_secret, "Keep a secret", SecretBody,
        answers=(200, 201),
    ),
    Endpoint("DELETE", "/api/secrets/{name}", Role.ADMIN, delete_secret, "Delete a secret"),
)  # fmt: skip
