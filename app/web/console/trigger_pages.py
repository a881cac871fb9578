"""Triggers with the results of their newest requests or ends of runs, and one stored request."""

from starlette.responses import Response

from app.auth.roles import Role
from app.web.api.schedules import firing_document
from app.web.api.triggers import BY_SERVER, request_document, trigger_document
from app.web.console.page import Page
from app.web.console.rendering import page
from app.web.endpoint import Call

_SHOWN = 50


async def triggers_page(call: Call) -> Response:
    """List triggers."""
    states = await call.services.triggers.kept.of_tenant(call.tenant)
    shown = [trigger_document(call, state) for state in states]
    return await page(call, "settings_triggers.html", "settings", part="triggers", triggers=shown)


async def trigger_page(call: Call) -> Response:
    """Show a trigger with the results of its newest requests or ends of runs."""
    kept, trigger_id = call.services.triggers.kept, call.path("id")
    document = trigger_document(call, await kept.get(call.tenant, trigger_id))
    firings = await kept.firings(call.tenant, trigger_id, _SHOWN)
    verify = document.get("verify")
    return await page(
        call,
        "settings_trigger.html",
        "settings",
        part="triggers",
        trigger=document,
        is_open=isinstance(verify, dict) and verify.get("preset") == "none",
        written={
            key: item for key, item in document.items() if key not in BY_SERVER and item is not None
        },
        firings=[firing_document(firing) for firing in firings],
    )


async def request_page(call: Call) -> Response:
    """Show one of a trigger's newest requests."""
    kept, trigger_id = call.services.triggers.kept, call.path("id")
    firing, request = await kept.request(call.tenant, trigger_id, call.path("key"))
    return await page(
        call,
        "settings_request.html",
        "settings",
        part="triggers",
        trigger_id=trigger_id,
        request=request_document(firing, request),
    )


PAGES = (
    Page("GET", "/settings/triggers", Role.VIEWER, triggers_page, "Triggers"),
    Page("GET", "/settings/triggers/{id}", Role.VIEWER, trigger_page, "A trigger"),
    Page("GET", "/settings/triggers/{id}/firings/{key}", Role.OPERATOR, request_page, "A request"),
)
