"""People and their sessions over HTTP: invite, change, disable; list and end sessions."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.people import LONGEST_NAME, MOST_GROUPS, People
from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from engine import iso_time, iso_time_or_none
from journal import PersonRow, SessionRow
from steps.checking.as_written import as_written

_BY_SERVER = ("id", "name", "signsIn", "createdAt", "signedInAt", "disabledAt")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class PersonBody(_Body):
    """A person to invite."""

    name: str = Field(
        min_length=1, max_length=LONGEST_NAME, description="the name with which they sign in"
    )
    role: Role = Field(description="what they may do; not more than the caller may")
    groups: list[str] = Field([], max_length=MOST_GROUPS, description="the groups they are in")


class PersonChanges(_Body):
    """Changes to a person; fields left out stay as they are."""

    role: Role | None = Field(None, description="what they may do; not more than the caller may")
    groups: list[str] | None = Field(
        None, max_length=MOST_GROUPS, description="the groups they are in"
    )
    disabled: bool | None = Field(
        None, strict=True, description="whether they are locked out; their sessions end at once"
    )


async def list_people(call: Call) -> Response:
    """List the tenant's people."""
    return JSONResponse(
        [person_document(row, _people(call)) for row in _people(call).of(call.tenant)]
    )


async def create_person(call: Call) -> Response:
    """Create a person and an invitation, which is shown only once."""
    body = checked(PersonBody, await json_body(call.request, call.services.settings))
    call.caller.require(body.role)
    people = _people(call)
    row, path, until_ms = await people.add_invited(call.tenant, body.name, body.role, body.groups)
    shown = person_document(row, people)
    return JSONResponse({**shown, **_invitation(call, path, until_ms)}, 201)


async def update_person(call: Call) -> Response:
    """Change a person's role or groups, or disable or enable them."""
    people = _people(call)
    row = people.get(call.tenant, call.path("id"))
    sent = await json_body(call.request, call.services.settings)
    body = checked(PersonChanges, as_written(sent, _BY_SERVER))
    if body.role is not None:
        call.caller.require(body.role)
    changed = await people.change(
        row, by=call.caller, role=body.role, groups=body.groups, disabled=body.disabled
    )
    call.services.authenticator.forget_tokens()
    if body.disabled:
        await call.services.sessions.end_all(row.id)
    return JSONResponse(person_document(changed, people))


async def invite_person(call: Call) -> Response:
    """Create a new invitation: older ones become invalid, and the person sets a new password."""
    people = _people(call)
    row = people.get(call.tenant, call.path("id"))
    path, until_ms = await people.invite(row, call.caller)
    return JSONResponse({"id": row.id, **_invitation(call, path, until_ms)}, 201)


async def list_sessions(call: Call) -> Response:
    """List the tenant's open sessions, newest first."""
    own = call.services.sessions.id_of(call.request.cookies)
    rows = call.services.sessions.of_tenant(call.tenant)
    return JSONResponse([session_document(row, own) for row in rows])


async def end_session(call: Call) -> Response:
    """End a session, which signs its browser out."""
    await call.services.sessions.end_one(call.tenant, call.path("id"))
    return JSONResponse({"success": True, "id": call.path("id")})


def _people(call: Call) -> People:
    return call.services.authenticator.people


def _invitation(call: Call, path: str, until_ms: int) -> dict[str, str]:
    base = call.services.settings.public_url or str(call.request.base_url).rstrip("/")
    return {"invitation": f"{base}{path}", "invitedUntil": iso_time(until_ms)}


def person_document(row: PersonRow, people: People) -> dict[str, Any]:
    """Return a person as listed."""
    without = "passkey" if row.id in people.passkeys.people else "invited"
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "groups": json.loads(row.groups),
        "signsIn": "provider" if row.subject else "password" if row.password else without,
        "createdAt": iso_time(row.created_at_ms),
        "signedInAt": iso_time_or_none(row.signed_in_at_ms),
        "disabledAt": iso_time_or_none(row.disabled_at_ms),
    }


def session_document(row: SessionRow, own: str) -> dict[str, Any]:
    """Return a session as listed; `own` is the caller's own."""
    return {
        "id": row.id,
        "who": row.who,
        "openedBy": row.kind,
        "address": row.address,
        "browser": row.browser,
        "beganAt": iso_time(row.began_at_ms),
        "until": iso_time(row.until_ms),
        "isThisOne": row.id == own,
    }


ENDPOINTS = (
    Endpoint("GET", "/api/people", Role.ADMIN, list_people, "List people"),
    Endpoint(
        "POST", "/api/people", Role.ADMIN, create_person, "Invite a person", PersonBody,
        answers=(201,),
    ),
    Endpoint(
        "PUT", "/api/people/{id}", Role.ADMIN, update_person, "Change a person", PersonChanges
    ),
    Endpoint(
        "POST", "/api/people/{id}/invitation", Role.ADMIN, invite_person,
        "Create a new invitation for a person", answers=(201,),
    ),
    Endpoint("GET", "/api/sessions", Role.ADMIN, list_sessions, "List open sessions"),
    Endpoint("DELETE", "/api/sessions/{id}", Role.ADMIN, end_session, "End a session"),
)  # fmt: skip
