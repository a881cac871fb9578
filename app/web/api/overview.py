"""The overview: what an operator wants to know first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.web.api.spending import spent_this_month
from app.web.api.webhooks import webhook_statuses
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from engine import JsonObject, iso_time
from journal import CaptionRow, WaitingRun
from journal.runs.overview import MOST_COUNTED, MOST_OF_SPAN, Span

_MOST = 10
_SPANS_MS = {"1h": 300_000, "24h": 3_600_000, "7d": 12 * 3_600_000}
"""How long the parts are in which a period is counted."""

_PERIODS_MS = {"1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000}


class OverviewQuery(BaseModel):
    """Which runs to count."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    period: Literal["1h", "24h", "7d"] = Field(
        "24h", description="the period within which the counted runs have started"
    )


async def show_overview(call: Call) -> Response:
    """Show the states of runs, what fails, what waits, and what models have cost."""
    return JsonAnswer(await overview_document(call, call.query(OverviewQuery)))


async def overview_document(call: Call, query: OverviewQuery) -> JsonObject:
    """Return the answer; the front page of the console shows the same."""
    services, tenant = call.services, call.tenant
    now_ms = services.clock.now_ms()
    since_ms = now_ms - _PERIODS_MS[query.period]
    found = services.journal.overview
    oldest = await found.oldest_question(tenant)
    may_see = call.caller.role.includes(Role.ADMIN)
    hooks = await services.journal.webhooks.of_tenant(tenant) if may_see else []
    statuses = await webhook_statuses(call, hooks)
    failing = [row for row in hooks if statuses[row.id] == "failing"]
    spent = await spent_this_month(call)
    retries = await found.retries(tenant, _MOST)
    waiting = [*([oldest] if oldest else []), *retries]
    captions = await services.journal.captions.of(tenant, [run.run_id for run in waiting])
    spans = await found.by_span(tenant, since_ms, now_ms, _SPANS_MS[query.period])
    return {
        "since": iso_time(since_ms),
        "runs": dict(await found.by_status(tenant, since_ms, spans)),
        "mostCounted": MOST_COUNTED,
        "spans": _spans(spans, now_ms),
        "mostCountedOfSpan": MOST_OF_SPAN,
        "failures": [
            {
                "workflowId": group.workflow_id,
                "stepId": group.step_id,
                "errorType": group.error_type,
                "runs": group.runs,
                "newestRunId": group.newest_id,
                "newestEndTime": iso_time(group.ended_at_ms),
            }
            for group in await found.failures(tenant, since_ms, _MOST)
        ],
        "oldestPause": _waiting([oldest], "since", captions)[0] if oldest else None,
        "retries": _waiting(retries, "dueAt", captions),
        "failingWebhooks": [{"id": row.id, "name": row.name or row.url} for row in failing],
        "notStarted": [
            {
                "source": firings.source,
                "outcome": firings.outcome,
                "count": firings.firings,
                "newest": iso_time(firings.at_ms),
                "message": firings.message,
            }
            for firings in await found.unstarted(tenant, since_ms, _MOST)
        ],
        "month": {"calls": spent["calls"], "cost": spent["cost"]},
    }


def _spans(counted: Sequence[Span], now_ms: int) -> list[Any]:
    """Return the parts of a period, each up to the next, with the counts that are not zero."""
    ends = [*(begins for begins, _ in counted[1:]), now_ms]
    return [
        {
            "since": iso_time(begins),
            "until": iso_time(ends_ms),
            "runs": {status: count for status, count in counts.items() if count},
        }
        for (begins, counts), ends_ms in zip(counted, ends, strict=True)
    ]


def _waiting(
    runs: Iterable[WaitingRun], moment: str, captions: Mapping[str, CaptionRow]
) -> list[Any]:
    return [
        {
            "runId": run.run_id,
            "title": captions[run.run_id].title or None if run.run_id in captions else None,
            "workflowId": run.workflow_id,
            "stepId": run.step_id,
            moment: iso_time(run.at_ms),
            **({"attempt": run.attempt} if run.attempt else {}),
        }
        for run in runs
    ]


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/overview", Role.VIEWER, show_overview, "Show the overview",
        None, OverviewQuery,
    ),
)  # fmt: skip
