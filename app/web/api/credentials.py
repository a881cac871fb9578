"""API keys and token secrets over HTTP: create, list, disable; never shown again."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.keys import new_key
from app.auth.roles import Role
from app.auth.tokens import BadSecret, new_secret
from app.secrets.jwt_secrets import seal_row
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.requests.names import Name
from app.wire.tenant_documents import jwt_secret_document, key_document
from journal import JwtSecretRow, KeyRow, UnknownCredential
from steps.contract.step_type import Problem

_DAY_MS = 86_400_000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class KeyBody(_Body):
    """A new API key."""

    name: Name = Field("", description="the owner or the purpose of the key")
    role: Role = Field(description="the role of the key; not higher than the caller's")
    expiresInDays: int | None = Field(  # noqa: N815
        None,
        ge=1,
        le=3_650,
        strict=True,
        description="when it expires; without it, never",
    )


class JwtSecretBody(_Body):
    """A new secret or public key that verifies tokens."""

    name: Name = Field("", description="the issuer that signs with it")
    role: Role = Field(description="the highest role of its tokens")
    algorithm: Literal["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"] = "HS256"
    publicKey: str | None = Field(  # noqa: N815
        None, max_length=20_000, description="PEM, for RS256, ES256 and EdDSA"
    )


async def list_keys(call: Call) -> Response:
    """List the tenant's keys."""
    return JSONResponse([key_document(row) for row in await keys_of(call)])


async def create_key(call: Call) -> Response:
    """Create a key and show it once."""
    body = checked(KeyBody, await json_body(call.request, call.services.settings))
    call.caller.require(body.role)
    now_ms = call.services.clock.now_ms()
    expires_ms = now_ms + body.expiresInDays * _DAY_MS if body.expiresInDays else None
    key, row = new_key(call.tenant, body.role.value, body.name, now_ms, expires_ms)
    await call.services.journal.keys.create(row)
    await call.services.authenticator.load()
    return JSONResponse({**key_document(row), "key": key}, 201)


async def disable_key(call: Call) -> Response:
    """Disable a key and end the sessions opened with it."""
    row = next((row for row in await keys_of(call) if row.id == call.path("id")), None)
    if row is None:
        raise UnknownCredential(call.path("id"))
    call.caller.require(Role(row.role))
    await call.services.journal.keys.disable(call.tenant, row.id, call.services.clock.now_ms())
    await call.services.authenticator.load()
    return JSONResponse({"success": True, "id": row.id})


async def list_jwt_secrets(call: Call) -> Response:
    """List the secrets and public keys that verify the tenant's tokens."""
    return JSONResponse([jwt_secret_document(row) for row in await jwt_secrets_of(call)])


async def create_jwt_secret(call: Call) -> Response:
    """Create a secret and show it once; a public key is only stored."""
    body = checked(JwtSecretBody, await json_body(call.request, call.services.settings))
    call.caller.require(body.role)
    services = call.services
    try:
        row = new_secret(
            call.tenant, body.role.value, body.name, body.algorithm, services.clock.now_ms(),
            body.publicKey,
        )  # fmt: skip
    except BadSecret as bad:
        message = str(bad).replace("--public-key-file", "publicKey")
        raise BadRequest(message, [Problem("publicKey", message)]) from bad
    await services.journal.jwt_secrets.create(seal_row(row, services.secrets.keyring))
    await services.authenticator.load()
    shown = jwt_secret_document(row)
    return JSONResponse(shown if body.publicKey else {**shown, "secret": row.secret}, 201)


async def disable_jwt_secret(call: Call) -> Response:
    """Disable a secret; its tokens are no longer accepted."""
    row = next((row for row in await jwt_secrets_of(call) if row.kid == call.path("kid")), None)
    if row is None:
        raise UnknownCredential(call.path("kid"))
    call.caller.require(Role(row.role))
    await call.services.journal.jwt_secrets.disable(
        call.tenant, row.kid, call.services.clock.now_ms()
    )
    await call.services.authenticator.load()
    return JSONResponse({"success": True, "kid": row.kid})


async def keys_of(call: Call) -> list[KeyRow]:
    """Return the keys of the caller's tenant, oldest first."""
    return [row for row in await call.services.journal.keys.all() if row.tenant == call.tenant]


async def jwt_secrets_of(call: Call) -> list[JwtSecretRow]:
    """Return what verifies the tokens of the caller's tenant, oldest first."""
    rows = await call.services.journal.jwt_secrets.all()
    return [row for row in rows if row.tenant == call.tenant]


ENDPOINTS = (
    Endpoint("GET", "/api/keys", Role.ADMIN, list_keys, "List API keys"),
    Endpoint(
        "POST", "/api/keys", Role.ADMIN, create_key, "Create an API key", KeyBody, answers=(201,)
    ),
    Endpoint("DELETE", "/api/keys/{id}", Role.ADMIN, disable_key, "Disable an API key"),
    Endpoint("GET", "/api/jwt-secrets", Role.ADMIN, list_jwt_secrets, "List token secrets"),
    Endpoint(
        "POST", "/api/jwt-secrets", Role.ADMIN, create_jwt_secret, "Create a token secret",
        JwtSecretBody, answers=(201,),
    ),
    Endpoint(
        "DELETE", "/api/jwt-secrets/{kid}", Role.ADMIN, disable_jwt_secret,
        "Disable a token secret",
    ),
)  # fmt: skip
