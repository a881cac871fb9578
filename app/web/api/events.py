"""Live events of a run and of a tenant."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.errors import Unauthorized
from app.auth.roles import Role
from app.events.catalogue import NAMES, kinds_named, unknown_names
from app.web.endpoint import Call, Endpoint
from app.web.event_stream import EventStream
from app.wire.inbox import INBOX_KINDS, inbox_changes
from app.wire.parsing.errors import BadRequest
from engine import Status
from journal import EventFilter
from steps.contract.step_type import Problem

_LONGEST_POSITION = 18
_POSITION = rf"^[0-9]{{1,{_LONGEST_POSITION}}}$"


class RunEventsQuery(BaseModel):
    """Where a run's stream begins."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    lastEventId: str | None = Field(  # noqa: N815 - the standard's word
        None, pattern=_POSITION, description="continue after this event; like Last-Event-ID"
    )


class OneRunQuery(RunEventsQuery):
    """Where a run's stream begins, and whether model answers are sent piece by piece."""

    deltas: bool = Field(
        False, description="also send model answers piece by piece, as `call.delta`"
    )


class TenantEventsQuery(RunEventsQuery):
    """Where the tenant's stream begins, and which events it has."""

    begin: Literal["start", "now"] = Field(
        "now", alias="from", description="start for all existing events; now for new ones only"
    )
    type: str | None = Field(
        None,
        max_length=1_000,
        description="names of events separated by commas; run.* for all events of a kind",
    )
    status: str | None = Field(
        None,
        max_length=200,
        description="statuses separated by commas: events that bring a run into one of them",
    )
    workflowId: str | None = Field(  # noqa: N815
        None, max_length=4_000, description="workflows with commas"
    )
    parentRunId: str | None = Field(  # noqa: N815
        None, max_length=64, description="only events of the child runs of this run"
    )
    inbox: bool = Field(
        False, description="only events that begin, change or end a question in the caller's inbox"
    )


async def run_events(call: Call) -> Response:
    """Stream a run's events until it has ended."""
    query = call.query(OneRunQuery)
    run_id, pages = call.path("runId"), call.services.journal.pages
    ended = await pages.has_ended(call.tenant, run_id)
    position = await _resumed_from(call, query)
    seq = 0 if position is None else await pages.seq_at(run_id, position)
    if ended and seq and not await pages.of_run(run_id, seq, 1):
        return Response(status_code=204)  # by the standard: do not reconnect
    streams = call.services.streams
    streams.require_place(call.tenant)
    text = streams.of_run(
        call.tenant, run_id, seq, lambda: _may_read(call), has_deltas=query.deltas
    )
    return EventStream(text, streams, call.tenant, call.services.settings.event_stall)


async def tenant_events(call: Call) -> Response:
    """Stream the events of all runs of the tenant."""
    query = call.query(TenantEventsQuery)
    wanted = EventFilter(
        kinds=_kinds(query),
        workflow_ids=_listed(query.workflowId),
        parent_id=query.parentRunId,
    )
    if query.parentRunId is not None:
        await call.services.journal.pages.has_ended(call.tenant, query.parentRunId)
    position = await _resumed_from(call, query)
    if position is None:
        is_new = query.begin == "now"
        position = await call.services.journal.pages.last_position() if is_new else 0
    streams = call.services.streams
    streams.require_place(call.tenant)
    matters = inbox_changes(call.services.journal, call.caller) if query.inbox else None
    text = streams.of_tenant(call.tenant, wanted, position, lambda: _may_read(call), matters)
    return EventStream(text, streams, call.tenant, call.services.settings.event_stall)


async def _resumed_from(call: Call, query: RunEventsQuery) -> int | None:
    """Return the position after which the client continues, or None for a new stream."""
    asked = call.request.headers.get("last-event-id") or query.lastEventId
    if asked is None:
        return None
    if not (asked.isascii() and asked.isdigit() and len(asked) <= _LONGEST_POSITION):
        raise BadRequest("Last-Event-ID must be the id of an event of this server")
    position = int(asked)
    if position > await call.services.journal.pages.last_position():
        raise BadRequest(
            f"this server has had no event {position}; was its journal restored from a backup? "
            "Then begin again without Last-Event-ID"
        )
    return position


def _kinds(query: TenantEventsQuery) -> list[str] | None:
    names, statuses = _listed(query.type), _listed(query.status)
    problems = [
        Problem("type", f"{name} is not an event; use one of {', '.join(NAMES)}")
        for name in unknown_names(names or ())
    ]
    problems += [
        Problem("status", f"{status} is not a status; use one of {', '.join(Status)}")
        for status in statuses or ()
        if status not in tuple(Status)
    ]
    if problems:
        raise BadRequest("the request is not acceptable", problems)
    kinds = None if names is None and statuses is None else kinds_named(names, statuses)
    if not query.inbox:
        return kinds
    return sorted(INBOX_KINDS if kinds is None else INBOX_KINDS.intersection(kinds))


def _listed(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


def _may_read(call: Call) -> bool:
    """Return whether the caller's key or token is still valid."""
    try:
        request = call.request
        call.services.sessions.of(request.method, request.headers, request.cookies)
    except Unauthorized:
        return False
    return True


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/events/{runId}", Role.VIEWER, run_events,
        "Stream the events of a run", None, OneRunQuery, answers=(200, 204),
        headers=("Last-Event-ID",),
    ),
    Endpoint(
        "GET", "/api/workflow/events", Role.VIEWER, tenant_events,
        "Stream the events of all runs", None, TenantEventsQuery, headers=("Last-Event-ID",),
    ),
)  # fmt: skip
