"""The page of one webhook: its events, what waits in its outbox, and its deliveries."""

from typing import Any

from starlette.responses import Response

from app.auth.roles import Role
from app.events.catalogue import NAMES
from app.web.api.webhooks import DeliveriesQuery, delivery_document, state_of, webhook_statuses
from app.web.console.page import Page, filled, fitting
from app.web.console.rendering import page
from app.web.endpoint import Call
from journal import DeliveryRow
from journal.tables.deliveries import MOST_COUNTED

_PAGE = 25


async def webhook_page(call: Call) -> Response:
    """Show a webhook with its deliveries, newest event first."""
    asked = filled(call)
    query, wrong = fitting(DeliveriesQuery, asked)
    journal, webhooks = call.services.journal, call.services.webhooks
    row = await journal.webhooks.get(call.tenant, call.path("id"))
    counts = (await journal.outbox.counts([row.id]))[row.id]
    before = int(query.cursor) if query.cursor else None
    rows = await journal.outbox.page(row.id, state_of(query), before, _PAGE + 1)
    return await page(
        call,
        "settings_webhook.html",
        "settings",
        part="webhooks",
        wrong_filters=wrong,
        webhook={
            "id": row.id,
            "name": row.name or row.url,
            "own_name": row.name,
            "url": row.url,
            "events": ", ".join(row.events),
            "workflows": ", ".join(row.workflow_ids or ()),
            "status": (await webhook_statuses(call, [row]))[row.id],
            "disabled_ms": row.disabled_at_ms,
            "former_until": webhooks.former_secret_until(row),
        },
        pending=counts.get("pending", 0),
        given_up=counts.get("given_up", 0),
        delivered=counts.get("delivered", 0),
        most_counted=MOST_COUNTED,
        next_ms=await journal.outbox.next_due_ms(row.id, -1),
        deliveries=[_shown(item) for item in rows[:_PAGE]],
        status=query.status or "",
        is_first=query.cursor is None,
        next_cursor=rows[_PAGE - 1].position if len(rows) > _PAGE else None,
        now_ms=call.services.clock.now_ms(),
        names=NAMES,
    )


def _shown(row: DeliveryRow) -> dict[str, Any]:
    waits = row.state == "pending" and row.next_at_ms is None
    return {**delivery_document(row), "state": row.state, "waits": waits}


PAGES = (
    Page(
        "GET", "/settings/webhooks/{id}", Role.ADMIN, webhook_page, "A webhook", None,
        DeliveriesQuery,
    ),
)  # fmt: skip
