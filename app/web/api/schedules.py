"""Schedules over HTTP: which workflow is started when."""

import re
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.triggers.schedule_document import ScheduleBody
from app.triggers.schedules import ScheduleState
from app.web.endpoint import Call, Endpoint
from app.wire.answers.parts import IGNORED
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.requests.query_values import Whole
from engine import JsonObject, iso_time
from journal import Firing
from steps.checking.as_written import as_written
from steps.contract.step_type import Problem

BY_SERVER = ("id", "upcoming", "lastRunId", "lastFiring", "createdAt", "updatedAt")
"""The fields that the server adds to each schedule shown."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class ShownSchedule(ScheduleBody):
    """A schedule, as accepted; what GET returns, PUT accepts."""

    id: str | None = Field(None, description=IGNORED)
    upcoming: list[str] | None = Field(None, description=IGNORED)
    lastRunId: str | None = Field(None, description=IGNORED)  # noqa: N815
    lastFiring: dict[str, Any] | None = Field(None, description=IGNORED)  # noqa: N815
    createdAt: datetime | None = Field(None, description=IGNORED)  # noqa: N815
    updatedAt: datetime | None = Field(None, description=IGNORED)  # noqa: N815


class FiringsQuery(BaseModel):
    """How many firings to list."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    limit: Whole = Field(50, ge=1, le=100)


async def list_schedules(call: Call) -> Response:
    """List the tenant's schedules, sorted by id."""
    return JSONResponse(
        [
            schedule_document(item)
            for item in await call.services.triggers.schedules.of_tenant(call.tenant)
        ]
    )


async def get_schedule(call: Call) -> Response:
    """Show a schedule with its next five moments."""
    state = await call.services.triggers.schedules.get(call.tenant, call.path("id"))
    return JSONResponse(schedule_document(state))


async def put_schedule(call: Call) -> Response:
    """Create or replace a schedule."""
    schedule_id = usable_id(call.path("id"))
    sent = await json_body(call.request, call.services.settings)
    body = checked(ScheduleBody, as_written(sent, BY_SERVER))
    is_new, state = await call.services.triggers.schedules.put(call.tenant, schedule_id, body)
    return JSONResponse(schedule_document(state), 201 if is_new else 200)


async def delete_schedule(call: Call) -> Response:
    """Delete a schedule; runs that it started continue."""
    schedule_id = call.path("id")
    await call.services.triggers.schedules.delete(call.tenant, schedule_id)
    return JSONResponse({"success": True, "id": schedule_id})


async def pause_schedule(call: Call) -> Response:
    """Pause a schedule; moments that pass meanwhile do not count as missed."""
    return await _enable(call, enabled=False)


async def resume_schedule(call: Call) -> Response:
    """Resume a schedule from now on."""
    return await _enable(call, enabled=True)


async def list_firings(call: Call) -> Response:
    """List the outcomes of a schedule's newest moments, newest first."""
    query = call.query(FiringsQuery)
    rows = await call.services.triggers.schedules.firings(call.tenant, call.path("id"), query.limit)
    return JSONResponse({"firings": [firing_document(row) for row in rows]})


async def _enable(call: Call, *, enabled: bool) -> Response:
    schedules = call.services.triggers.schedules
    state = await schedules.set_enabled(call.tenant, call.path("id"), enabled=enabled)
    return JSONResponse(schedule_document(state))


def usable_id(text: str) -> str:
    """Return an id chosen by a client. Raises `BadRequest` if it is not allowed."""
    if not _ID.fullmatch(text):
        problem = Problem("id", "must be letters, digits, -, _ and ., 100 at most")
        raise BadRequest("the id is not acceptable", [problem])
    return text


def schedule_document(state: ScheduleState) -> JsonObject:
    """Return a schedule as JSON."""
    return {
        "id": state.row.id,
        **state.body.document(),
        "upcoming": list(state.upcoming),
        "lastRunId": state.row.last_run_id,
        "lastFiring": firing_document(state.newest) if state.newest else None,
        "createdAt": iso_time(state.row.created_at_ms),
        "updatedAt": iso_time(state.row.updated_at_ms),
    }


def firing_document(firing: Firing) -> JsonObject:
    """Return the outcome of one moment as JSON."""
    return {
        "key": firing.key,
        "at": iso_time(firing.at_ms),
        "outcome": firing.outcome,
        "runId": firing.run_id,
        "message": firing.message,
    }


_ONE = "/api/schedules/{id}"
ENDPOINTS = (
    Endpoint("GET", "/api/schedules", Role.VIEWER, list_schedules, "List schedules"),
    Endpoint("GET", _ONE, Role.VIEWER, get_schedule, "Show a schedule"),
    Endpoint(
        "PUT", _ONE, Role.EDITOR, put_schedule, "Create or replace a schedule", ShownSchedule,
        answers=(200, 201),
    ),
    Endpoint("DELETE", _ONE, Role.EDITOR, delete_schedule, "Delete a schedule"),
    Endpoint("POST", f"{_ONE}/pause", Role.OPERATOR, pause_schedule, "Pause a schedule"),
    Endpoint("POST", f"{_ONE}/resume", Role.OPERATOR, resume_schedule, "Resume a schedule"),
    Endpoint(
        "GET", f"{_ONE}/firings", Role.VIEWER, list_firings, "List the outcomes of its moments",
        None, FiringsQuery,
    ),
)  # fmt: skip
