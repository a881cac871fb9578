"""Webhooks over HTTP: where events are sent, and the deliveries. Secrets are shown once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.events.catalogue import KINDS, NAMES, unknown_names
from app.settings.network_values import web_address
from app.web.endpoint import Call, Endpoint
from app.webhooks.registry import Draft
from app.webhooks.signature import check_secret, new_secret
from app.wire.answers.resources import WebhookChanges
from app.wire.parsing.errors import NotFoundHere
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.requests.names import Name
from app.wire.requests.query_values import Whole
from engine import JsonObject, iso_time, iso_time_or_none
from journal import DeliveryRow, WebhookRow
from steps.checking.as_written import as_written
from steps.language.durations import Duration

_NAMES_BY_KIND = {kind.__name__: row.name for kind, row in KINDS.items()}
_STATES = {"pending": "pending", "delivered": "delivered", "given_up": "givenUp"}
_LONGEST_POSITION = 18
_BY_SERVER = ("id", "pending", "givenUp", "createdAt", "updatedAt")
"""The fields that the server adds to each webhook shown."""


class _Fields(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True
    )

    @field_validator("url", check_fields=False)
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is not None:
            web_address(url, "messages are signed instead")
        return url

    @field_validator("events", check_fields=False)
    @classmethod
    def _known(cls, events: list[str] | None) -> list[str] | None:
        if unknown := unknown_names(events or ()):
            known = ", ".join(NAMES)
            raise ValueError(f"{', '.join(unknown)} is not an event; use one of {known}, run.*, *")
        return events

    @field_validator("secret", check_fields=False)
    @classmethod
    def _usable(cls, secret: str | None) -> str | None:
        if secret is not None:
            check_secret(secret)
        return secret


_URL = Field(max_length=2_048, description="the address to which messages are posted")
_EVENTS = Field(
    min_length=1,
    max_length=50,
    description="names of events; run.* for all events of a kind, * for all",
)


class NewWebhookBody(_Fields):
    """A new webhook."""

    url: str = _URL
    events: list[str] = _EVENTS
    name: Name = ""
    workflowIds: list[str] | None = Field(  # noqa: N815
        None,
        min_length=1,
        max_length=200,
        description="only events of runs of these workflows; null for all",
    )
    secret: str | None = Field(
        None, description="whsec_ and 24 to 64 bytes in base64; generated if not given"
    )
    begin: Literal["now", "start"] = Field(
        "now", alias="from", description="start for all existing events; now for new ones only"
    )


class WebhookBody(_Fields):
    """Changes to a webhook; fields left out stay as they are."""

    url: str | None = Field(None, max_length=2_048)
    events: list[str] | None = Field(None, min_length=1, max_length=50)
    name: Name | None = None
    workflowIds: list[str] | None = Field(None, min_length=1, max_length=200)  # noqa: N815
    secret: str | None = None
    enabled: bool | None = Field(None, strict=True)


class NewSecretBody(_Fields):
    """The new secret, and for how long the previous one also signs."""

    secret: str | None = Field(None, description="made when none is given")
    overlap: Duration | None = Field(
        None,
        le=30 * 86_400_000,
        description="such as `24h`, 30 days at most; without it, the previous secret stops at once",
    )


class DeliveriesQuery(BaseModel):
    """Which deliveries to list."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    status: Literal["pending", "delivered", "givenUp"] | None = None
    limit: Whole = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, pattern=r"^[0-9]{1,18}$")


async def list_webhooks(call: Call) -> Response:
    """List the tenant's webhooks, oldest first."""
    rows = await call.services.journal.webhooks.of_tenant(call.tenant)
    return JSONResponse(await _lines(call, rows))


async def create_webhook(call: Call) -> Response:
    """Create a webhook; its secret is shown only in this answer."""
    body = checked(NewWebhookBody, await json_body(call.request, call.services.settings))
    draft = Draft(
        name=body.name,
        url=body.url,
        events=tuple(body.events),
        workflow_ids=None if body.workflowIds is None else tuple(body.workflowIds),
        from_start=body.begin == "start",
        secret=body.secret,
    )
    row, secret = await call.services.webhooks.create(call.tenant, draft)
    return JSONResponse({**await _shown(call, row), "secret": secret}, 201)


async def get_webhook(call: Call) -> Response:
    """Show a webhook."""
    return JSONResponse(await _shown(call, await _row(call)))


async def put_webhook(call: Call) -> Response:
    """Change a webhook; undelivered events go to the new address."""
    webhook_id = (await _row(call)).id
    sent = await json_body(call.request, call.services.settings)
    body = checked(WebhookBody, as_written(sent, _BY_SERVER, ("status", "formerSecretUntil")))
    edit = partial(_edited, body, call.services.clock.now_ms())
    row = await call.services.webhooks.change(call.tenant, webhook_id, edit, secret=body.secret)
    return JSONResponse(await _shown(call, row))


async def delete_webhook(call: Call) -> Response:
    """Delete a webhook and its undelivered events."""
    webhook_id = call.path("id")
    await call.services.webhooks.delete(call.tenant, webhook_id)
    return JSONResponse({"success": True, "id": webhook_id})


async def disable_webhook(call: Call) -> Response:
    """Disable a webhook; it keeps its position."""
    row = await call.services.webhooks.set_enabled(call.tenant, call.path("id"), enabled=False)
    return JSONResponse(await _shown(call, row))


async def enable_webhook(call: Call) -> Response:
    """Enable a webhook; it continues from its position."""
    row = await call.services.webhooks.set_enabled(call.tenant, call.path("id"), enabled=True)
    return JSONResponse(await _shown(call, row))


async def rotate_webhook_secret(call: Call) -> Response:
    """Create a new secret, valid from now on; it is shown only in this answer.

    With `overlap` the previous secret also signs for that long.
    """
    raw = await json_body(call.request, call.services.settings, required=False)
    body = checked(NewSecretBody, raw)
    secret = body.secret or new_secret()
    row = await call.services.webhooks.change(
        call.tenant, call.path("id"), secret=secret, overlap_ms=body.overlap or 0
    )
    return JSONResponse({**await _shown(call, row), "secret": secret})


async def test_webhook(call: Call) -> Response:
    """Send one empty test message, and show the result."""
    began_ms = call.services.clock.now_ms()
    outcome = await call.services.webhooks.test(await _row(call))
    return JSONResponse(
        {
            "success": outcome.error is None,
            "answer": outcome.status,
            "error": outcome.error,
            "duration": call.services.clock.now_ms() - began_ms,
        }
    )


async def list_deliveries(call: Call) -> Response:
    """List the deliveries of a webhook, newest event first."""
    query = call.query(DeliveriesQuery)
    row = await _row(call)
    state = state_of(query)
    before = int(query.cursor) if query.cursor else None
    rows = await call.services.journal.outbox.page(row.id, state, before, query.limit + 1)
    page = rows[: query.limit]
    more = len(rows) > len(page)
    return JSONResponse(
        {
            "deliveries": [delivery_document(item) for item in page],
            "nextCursor": str(page[-1].position) if more else None,
        }
    )


def _edited(body: WebhookBody, now_ms: int, row: WebhookRow) -> WebhookRow:
    given = body.model_fields_set
    disabled_at_ms = row.disabled_at_ms
    if body.enabled is not None:
        disabled_at_ms = None if body.enabled else row.disabled_at_ms or now_ms
    return replace(
        row,
        url=body.url if body.url is not None else row.url,
        events=tuple(body.events) if body.events is not None else row.events,
        name=body.name if body.name is not None else row.name,
        workflow_ids=(
            row.workflow_ids
            if "workflowIds" not in given
            else None
            if body.workflowIds is None
            else tuple(body.workflowIds)
        ),
        disabled_at_ms=disabled_at_ms,
    )


async def redeliver(call: Call) -> Response:
    """Send one event again, in order with the other events of its run."""
    row, position = await _row(call), call.path("position")
    if not position.isdecimal() or not position.isascii() or len(position) > _LONGEST_POSITION:
        raise NotFoundHere(f"there is no delivery {position}")
    delivery = await call.services.webhooks.redeliver(row, int(position))
    return JSONResponse(delivery_document(delivery))


async def redeliver_failed(call: Call) -> Response:
    """Send all events again that were given up; waiting retries are due at once."""
    count = await call.services.webhooks.redeliver_failed(await _row(call))
    return JSONResponse({"success": True, "redelivered": count})


async def _row(call: Call) -> WebhookRow:
    return await call.services.journal.webhooks.get(call.tenant, call.path("id"))


async def _shown(call: Call, row: WebhookRow) -> dict[str, Any]:
    (shown,) = await _lines(call, [row])
    return shown


async def _lines(call: Call, rows: Sequence[WebhookRow]) -> list[dict[str, Any]]:
    counts = await call.services.journal.outbox.counts([row.id for row in rows])
    statuses = await webhook_statuses(call, rows)
    return [_line(call, row, counts[row.id], statuses[row.id]) for row in rows]


def _line(call: Call, row: WebhookRow, counts: Mapping[str, int], status: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "url": row.url,
        "events": list(row.events),
        "workflowIds": None if row.workflow_ids is None else list(row.workflow_ids),
        "enabled": row.disabled_at_ms is None,
        "status": status,
        "formerSecretUntil": iso_time_or_none(call.services.webhooks.former_secret_until(row)),
        "pending": counts.get("pending", 0),
        "givenUp": counts.get("given_up", 0),
        "createdAt": iso_time(row.created_at_ms),
        "updatedAt": iso_time(row.updated_at_ms),
    }


async def webhook_statuses(call: Call, rows: Sequence[WebhookRow]) -> dict[str, str]:
    """Return `active`, `failing` or `disabled` for each of the webhooks, by id."""
    failing = await call.services.journal.outbox.failing(
        [row.id for row in rows if row.disabled_at_ms is None]
    )
    return {
        row.id: "disabled"
        if row.disabled_at_ms is not None
        else "failing"
        if row.id in failing
        else "active"
        for row in rows
    }


def delivery_document(row: DeliveryRow) -> JsonObject:
    """Return the state of one delivery as JSON."""
    return {
        "position": row.position,
        "runId": row.run_id,
        "type": _NAMES_BY_KIND.get(row.kind, row.kind),
        "time": iso_time_or_none(row.happened_at_ms),
        "status": _STATES[row.state],
        "attempts": row.attempts,
        "answer": row.answer,
        "error": row.error,
        "firstAttempt": iso_time_or_none(row.first_at_ms),
        "lastAttempt": iso_time_or_none(row.last_at_ms),
        "nextAttempt": iso_time_or_none(row.next_at_ms),
    }


def state_of(query: DeliveriesQuery) -> str | None:
    """Return the journal's name of the status in a query, or None for any."""
    return next((word for word, shown in _STATES.items() if shown == query.status), None)


ENDPOINTS = (
    Endpoint("GET", "/api/webhooks", Role.ADMIN, list_webhooks, "List webhooks"),
    Endpoint(
        "POST", "/api/webhooks", Role.ADMIN, create_webhook, "Create a webhook", NewWebhookBody,
        answers=(201,),
    ),
    Endpoint("GET", "/api/webhooks/{id}", Role.ADMIN, get_webhook, "Show a webhook"),
    Endpoint(
        "PUT", "/api/webhooks/{id}", Role.ADMIN, put_webhook, "Change a webhook", WebhookChanges
    ),
    Endpoint("DELETE", "/api/webhooks/{id}", Role.ADMIN, delete_webhook, "Delete a webhook"),
    Endpoint(
        "POST", "/api/webhooks/{id}/disable", Role.ADMIN, disable_webhook, "Disable a webhook"
    ),
    Endpoint("POST", "/api/webhooks/{id}/enable", Role.ADMIN, enable_webhook, "Enable a webhook"),
    Endpoint(
        "POST", "/api/webhooks/{id}/secret", Role.ADMIN, rotate_webhook_secret,
        "Create a new signing secret", NewSecretBody, needs_body=False,
    ),
    Endpoint(
        "POST", "/api/webhooks/{id}/test", Role.ADMIN, test_webhook, "Send a test message"
    ),
    Endpoint(
        "GET", "/api/webhooks/{id}/deliveries", Role.ADMIN, list_deliveries,
        "List its deliveries", None, DeliveriesQuery,
    ),
    Endpoint(
        "POST", "/api/webhooks/{id}/redeliver", Role.ADMIN, redeliver_failed,
        "Resend everything that was given up",
    ),
    Endpoint(
        "POST", "/api/webhooks/{id}/deliveries/{position}/redeliver", Role.ADMIN, redeliver,
        "Send one event again",
    ),
)  # fmt: skip
