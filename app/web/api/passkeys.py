"""The caller's passkeys: list, add, remove."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.auth.passkeys import LONGEST_NAME, Site
from app.auth.roles import Role
from app.services import Services
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from engine import iso_time, iso_time_or_none
from journal import PasskeyRow

_LONGEST_SENT = 8_192


class PasskeyBody(BaseModel):
    """A passkey created by a browser."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: str = Field("", max_length=LONGEST_NAME, description="the name that its owner gives it")
    passkey: str = Field(
        min_length=1, max_length=_LONGEST_SENT, description="the credential, as JSON of WebAuthn"
    )
    challenge: str = Field(
        min_length=1, max_length=_LONGEST_SENT, description="the challenge that it signs"
    )


async def list_passkeys(call: Call) -> Response:
    """List the caller's own passkeys, oldest first."""
    rows = call.services.authenticator.people.passkeys.of(call.caller.credential)
    return JSONResponse([passkey_document(row) for row in rows])


async def add_passkey(call: Call) -> Response:
    """Add a passkey for the caller, who has to be a person."""
    body = checked(PasskeyBody, await json_body(call.request, call.services.settings))
    people = call.services.authenticator.people
    site = site_of(call.request, call.services)
    made = await people.passkeys.made(site, body.challenge, body.passkey)
    row = await people.add_passkey(call.caller.credential, made, body.name)
    return JSONResponse(passkey_document(row), 201)


async def delete_passkey(call: Call) -> Response:
    """Remove one of the caller's passkeys."""
    people = call.services.authenticator.people
    await people.remove_passkey(call.caller.credential, call.path("id"))
    return JSONResponse({"success": True, "id": call.path("id")})


def site_of(request: Request, services: Services) -> Site:
    """Return the site that the browser is on, as far as the server knows."""
    return Site(services.settings.public_url or str(request.base_url).rstrip("/"))


def passkey_document(row: PasskeyRow) -> dict[str, Any]:
    """Return a passkey as listed."""
    return {
        "id": row.id,
        "name": row.name,
        "createdAt": iso_time(row.created_at_ms),
        "usedAt": iso_time_or_none(row.used_at_ms),
    }


ENDPOINTS = (
    Endpoint("GET", "/api/passkeys", Role.VIEWER, list_passkeys, "List your passkeys"),
    Endpoint(
        "POST", "/api/passkeys", Role.VIEWER, add_passkey, "Add one of your passkeys", PasskeyBody,
        answers=(201,),
    ),
    Endpoint(
        "DELETE", "/api/passkeys/{id}", Role.VIEWER, delete_passkey, "Remove one of your passkeys"
    ),
)  # fmt: skip
