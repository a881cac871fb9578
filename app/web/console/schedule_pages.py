"""Schedules with their firings, and the signals that wait for runs."""

from starlette.responses import Response

from app.auth.roles import Role
from app.web.api.schedules import BY_SERVER, firing_document, schedule_document
from app.web.api.signals import signal_document
from app.web.console.page import Page
from app.web.console.rendering import page
from app.web.endpoint import Call

_SHOWN = 50
_FIELDS = ("workflowId", "cron", "timeZone", "missed", "overlap", "data")
"""What of a definition has a field of its own in the form that changes it."""


async def schedules_page(call: Call) -> Response:
    """List schedules."""
    states = await call.services.triggers.schedules.of_tenant(call.tenant)
    shown = [schedule_document(state) for state in states]
    return await page(
        call, "settings_schedules.html", "settings", part="schedules", schedules=shown
    )


async def schedule_page(call: Call) -> Response:
    """Show a schedule with the results of its newest moments."""
    schedules, schedule_id = call.services.triggers.schedules, call.path("id")
    state = await schedules.get(call.tenant, schedule_id)
    firings = await schedules.firings(call.tenant, schedule_id, _SHOWN)
    document = schedule_document(state)
    written = {key: it for key, it in document.items() if key not in BY_SERVER and it is not None}
    return await page(
        call,
        "settings_schedule.html",
        "settings",
        part="schedules",
        schedule=document,
        written=written,
        rest={key: item for key, item in written.items() if key not in _FIELDS},
        firings=[firing_document(firing) for firing in firings],
    )


async def signals_page(call: Call) -> Response:
    """List the signals that no run has taken yet."""
    rows = await call.services.journal.signals.kept(
        call.tenant, call.services.clock.now_ms(), _SHOWN
    )
    shown = [signal_document(row) for row in rows]
    return await page(call, "settings_signals.html", "settings", part="signals", signals=shown)


PAGES = (
    Page("GET", "/settings/signals", Role.VIEWER, signals_page, "Signals"),
    Page("GET", "/settings/schedules", Role.VIEWER, schedules_page, "Schedules"),
    Page("GET", "/settings/schedules/{id}", Role.VIEWER, schedule_page, "A schedule"),
)
