"""The front page: how everything stands."""

from starlette.responses import Response

from app.auth.roles import Role
from app.events.catalogue import NAMES
from app.web.api.overview import OverviewQuery, overview_document
from app.web.console.page import Page, filled, fitting
from app.web.console.rendering import page
from app.web.endpoint import Call
from engine import Status

_LISTEN = [name for name in NAMES if name.startswith("run.")]
_PERIODS = {"1h": "the last hour", "24h": "the last 24 hours", "7d": "the last 7 days"}


async def overview_page(call: Call) -> Response:
    """Show how the runs of a period stand, what fails, and what waits."""
    query, wrong = fitting(OverviewQuery, filled(call))
    shown = await overview_document(call, query)
    return await page(
        call,
        "overview.html",
        "overview",
        wrong_filters=wrong,
        overview=shown,
        statuses=[status.value for status in Status],
        period=query.period,
        periods=_PERIODS,
        listen=_LISTEN,
    )


PAGES = (
    Page(
        "GET", "/overview", Role.VIEWER, overview_page, "How everything stands", None,
        OverviewQuery,
    ),
)  # fmt: skip
