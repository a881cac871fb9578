"""Triggers over HTTP: what starts runs on a request, on a form, or when a run ends."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.triggers.kept_triggers import TriggerState, body_of
from app.triggers.keyed_starts import StartRefused
from app.triggers.receiving import Receipt, is_replayable
from app.triggers.trigger_document import FormTrigger, RequestTrigger, RunTrigger, trigger_body
from app.web.api.links import own_address
from app.web.api.schedules import FiringsQuery, firing_document, usable_id
from app.web.endpoint import Call, Endpoint
from app.wire.answers.parts import IGNORED
from app.wire.parsing.json_body import json_body
from engine import JsonObject, iso_time
from journal import ArrivedRequest, Firing
from steps.checking.as_written import as_written
from steps.contract.step_type import Problem

BY_SERVER = ("id", "kind", "url", "lastFiring", "createdAt", "updatedAt")
"""The fields that the server adds to each trigger shown."""


class _Shown(BaseModel):
    model_config = ConfigDict(defer_build=True)

    id: str | None = Field(None, description=IGNORED)
    kind: str | None = Field(None, description=IGNORED)
    url: str | None = Field(None, description=IGNORED)
    lastFiring: dict[str, Any] | None = Field(None, description=IGNORED)  # noqa: N815
    createdAt: str | None = Field(None, description=IGNORED)  # noqa: N815
    updatedAt: str | None = Field(None, description=IGNORED)  # noqa: N815


class ShownRequestTrigger(RequestTrigger, _Shown):
    """A trigger on requests to an address; what GET returns, PUT accepts."""


class ShownRunTrigger(RunTrigger, _Shown):
    """A trigger on ends of runs; what GET returns, PUT accepts."""


class ShownFormTrigger(FormTrigger, _Shown):
    """A web form for a workflow; what GET returns, PUT accepts."""


_OneOf = TypeVar("_OneOf")


class _Body(RootModel[_OneOf]):
    model_config = ConfigDict(defer_build=True)


class TriggerBody(
    _Body[
        Annotated[
            ShownRequestTrigger | ShownRunTrigger | ShownFormTrigger,
            Field(description="by `on`: a request (the default), a form, or ends of runs"),
        ]
    ]
):
    """A trigger of any kind."""


async def list_triggers(call: Call) -> Response:
    """List the tenant's triggers, sorted by id."""
    found = await call.services.triggers.kept.of_tenant(call.tenant)
    return JSONResponse([trigger_document(call, state) for state in found])


async def get_trigger(call: Call) -> Response:
    """Show a trigger."""
    state = await call.services.triggers.kept.get(call.tenant, call.path("id"))
    return JSONResponse(trigger_document(call, state))


async def put_trigger(call: Call) -> Response:
    """Create or replace a trigger; a replaced trigger keeps its address."""
    trigger_id = usable_id(call.path("id"))
    sent = await json_body(call.request, call.services.settings)
    body = trigger_body(as_written(sent, BY_SERVER))
    is_new, state = await call.services.triggers.kept.put(call.tenant, trigger_id, body)
    return JSONResponse(trigger_document(call, state), 201 if is_new else 200)


async def delete_trigger(call: Call) -> Response:
    """Delete a trigger with its requests; runs that it started continue."""
    trigger_id = call.path("id")
    await call.services.triggers.kept.delete(call.tenant, trigger_id)
    return JSONResponse({"success": True, "id": trigger_id})


async def pause_trigger(call: Call) -> Response:
    """Pause a trigger; it starts nothing meanwhile."""
    return await _enable(call, enabled=False)


async def resume_trigger(call: Call) -> Response:
    """Resume a trigger from now on."""
    return await _enable(call, enabled=True)


async def rotate_trigger(call: Call) -> Response:
    """Give a trigger a new address; the old one stops working at once."""
    state = await call.services.triggers.kept.rotate(call.tenant, call.path("id"))
    return JSONResponse(trigger_document(call, state))


async def list_trigger_firings(call: Call) -> Response:
    """List the outcomes of a trigger's newest requests or run ends, newest first."""
    query = call.query(FiringsQuery)
    kept = call.services.triggers.kept
    rows = await kept.firings(call.tenant, call.path("id"), query.limit)
    return JSONResponse({"firings": [firing_document(row) for row in rows]})


async def get_request(call: Call) -> Response:
    """Show one of a trigger's newest requests, without credentials."""
    kept = call.services.triggers.kept
    firing, request = await kept.request(call.tenant, call.path("id"), call.path("key"))
    return JSONResponse(request_document(firing, request))


async def replay_request(call: Call) -> Response:
    """Process one of a trigger's newest requests again, as if it arrived now.

    Its sender is not verified again, and its idempotency key is ignored.
    """
    triggers = call.services.triggers
    row = (await triggers.kept.get(call.tenant, call.path("id"))).row
    firing, request = await triggers.kept.request(call.tenant, row.id, call.path("key"))
    if not isinstance(body_of(row), RequestTrigger):
        raise StartRefused("no request", (Problem("on", "this trigger takes no requests"),))
    largest = call.services.settings.max_attachment_bytes
    trigger = triggers.kept.compiled.of(row)
    receipt = await triggers.receiving.receive_again(trigger, firing, request, largest)
    return JSONResponse(receipt_document(receipt), 202)


async def _enable(call: Call, *, enabled: bool) -> Response:
    kept = call.services.triggers.kept
    state = await kept.set_enabled(call.tenant, call.path("id"), enabled=enabled)
    return JSONResponse(trigger_document(call, state))


def trigger_document(call: Call, state: TriggerState) -> JsonObject:
    """Return a trigger as JSON; its address only for callers who may start runs anyway."""
    url = None
    if state.path is not None and call.caller.role.includes(Role.OPERATOR):
        url = f"{call.services.settings.public_url or own_address(call.request)}{state.path}"
    return {
        "id": state.row.id,
        "kind": state.row.kind,
        "url": url,
        **state.body.document(),
        "lastFiring": firing_document(state.newest) if state.newest else None,
        "createdAt": iso_time(state.row.created_at_ms),
        "updatedAt": iso_time(state.row.updated_at_ms),
    }


def request_document(firing: Firing, request: ArrivedRequest) -> JsonObject:
    """Return one of a trigger's requests as JSON."""
    text = None if request.body is None else request.body.decode("utf-8", "replace")
    return {
        **firing_document(firing),
        "method": request.method,
        "query": request.query,
        "headers": {**request.headers},
        "size": request.size,
        "body": text,
        "replayable": is_replayable(firing, request),
    }


def receipt_document(receipt: Receipt) -> JsonObject:
    """Return the outcome of a request as JSON."""
    return {
        "requestId": receipt.request_id,
        "accepted": receipt.outcome != "skipped",
        "duplicate": receipt.outcome == "repeated",
        "runId": receipt.run_id,
    }


_ONE = "/api/triggers/{id}"
ENDPOINTS = (
    Endpoint("GET", "/api/triggers", Role.VIEWER, list_triggers, "List triggers"),
    Endpoint("GET", _ONE, Role.VIEWER, get_trigger, "Show a trigger"),
    Endpoint(
        "PUT", _ONE, Role.EDITOR, put_trigger, "Create or replace a trigger", TriggerBody,
        answers=(200, 201),
    ),
    Endpoint("DELETE", _ONE, Role.EDITOR, delete_trigger, "Delete a trigger"),
    Endpoint("POST", f"{_ONE}/pause", Role.OPERATOR, pause_trigger, "Pause a trigger"),
    Endpoint("POST", f"{_ONE}/resume", Role.OPERATOR, resume_trigger, "Resume a trigger"),
    Endpoint(
        "POST", f"{_ONE}/rotate", Role.EDITOR, rotate_trigger, "Give a trigger a new address"
    ),
    Endpoint(
        "GET", f"{_ONE}/firings", Role.VIEWER, list_trigger_firings,
        "List the outcomes of its requests or run ends", None, FiringsQuery,
    ),
    Endpoint(
        "GET", f"{_ONE}/firings/{{key}}", Role.OPERATOR, get_request,
        "Show one of its newest requests",
    ),
    Endpoint(
        "POST", f"{_ONE}/firings/{{key}}/replay", Role.OPERATOR, replay_request,
        "Process one of its newest requests again", answers=(202,),
    ),
)  # fmt: skip
