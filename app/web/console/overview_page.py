"""The front page: the state of runs, and what needs attention."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from app.auth.roles import Role
from app.events.catalogue import NAMES
from app.web.api.overview import OverviewQuery, overview_document
from app.web.console.chart import chart_of
from app.web.console.page import Page, filled, fitting
from app.web.console.rendering import page
from app.web.endpoint import Call
from engine import Status

_LISTEN = [name for name in NAMES if name.startswith("run.")]
_PARTS = {"1h": "five minutes", "24h": "hour", "7d": "half day"}
_PERIODS = {"1h": "the last hour", "24h": "the last 24 hours", "7d": "the last 7 days"}


async def overview_page(call: Call) -> Response:
    """Show how many runs of a period have which status, what fails, and what waits."""
    query, wrong = fitting(OverviewQuery, filled(call))
    shown: dict[str, Any] = await overview_document(call, query)
    for item in shown["notStarted"]:
        item["kind"], _, item["name"] = item["source"].partition(":")
        item["page"] = _page_of(item["kind"], item["name"])
    return await page(
        call,
        "overview.html",
        "overview",
        wrong_filters=wrong,
        overview=shown,
        names=await call.services.workflows.table.names(call.tenant, _workflows(shown)),
        chart=chart_of(shown["spans"]),
        part=_PARTS[query.period],
        statuses=[status.value for status in Status],
        period=query.period,
        periods=_PERIODS,
        listen=_LISTEN,
    )


def _workflows(shown: Mapping[str, Any]) -> list[str]:
    """Return the ids of the workflows that the page names."""
    oldest = [shown["oldestPause"]] if shown["oldestPause"] else []
    return [item["workflowId"] for item in (*shown["failures"], *shown["retries"], *oldest)]


def _page_of(kind: str, name: str) -> str:
    """Return the page of a schedule or a trigger; empty for anything else."""
    parts = {"schedule": "schedules", "trigger": "triggers"}
    return f"/settings/{parts[kind]}/{quote(name, safe='')}" if kind in parts else ""


PAGES = (
    Page(
        "GET", "/overview", Role.VIEWER, overview_page, "How everything stands", None,
        OverviewQuery,
    ),
)  # fmt: skip
