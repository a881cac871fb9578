"""Statistics about the runs of one workflow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.services import Services
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from engine import JsonObject, iso_time
from journal.runs.workflow_statistics import MOST_LOOKED_AT

_DAY_MS = 86_400_000
PERIODS_MS = {"24h": _DAY_MS, "7d": 7 * _DAY_MS, "30d": 30 * _DAY_MS}
_HALF, _MOST_OF_THEM = 0.5, 0.95


class StatisticsQuery(BaseModel):
    """Which runs to count."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    period: Literal["24h", "7d", "30d"] = Field(
        "7d", description="the period within which the counted runs have started"
    )


async def workflow_statistics(call: Call) -> Response:
    """Show statistics about the runs of a workflow."""
    query = call.query(StatisticsQuery)
    await call.services.workflows.chosen(call.tenant, call.path("workflowId"), "latest")
    return JsonAnswer(
        await statistics_document(call.services, call.tenant, call.path("workflowId"), query.period)
    )


async def statistics_document(
    services: Services, tenant: str, workflow_id: str, period: str
) -> JsonObject:
    """Return the answer; the page of the workflow shows the same."""
    since_ms = services.clock.now_ms() - PERIODS_MS[period]
    found = await services.journal.overview.workflows.of(tenant, workflow_id, since_ms)
    judged = found.runs["completed"] + found.runs["failed"]
    steps = dict.fromkeys((*found.here, *found.failed))
    return {
        "since": iso_time(since_ms),
        "runs": dict(found.runs),
        "mostCounted": MOST_LOOKED_AT,
        "successRate": round(found.runs["completed"] / judged, 4) if judged else None,
        "medianDuration": _share(found.took_ms, _HALF),
        "p95Duration": _share(found.took_ms, _MOST_OF_THEM),
        "steps": [
            {"stepId": step, "here": found.here.get(step, 0), "failed": found.failed.get(step, 0)}
            for step in steps
        ],
    }


def _share(sorted_ms: list[int], share: float) -> int | None:
    """Return the value below or at which the given share of values lies."""
    if not sorted_ms:
        return None
    return sorted_ms[min(len(sorted_ms) - 1, int(share * len(sorted_ms)))]


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/statistics/{workflowId}", Role.VIEWER, workflow_statistics,
        "Show statistics about the runs of a workflow", None, StatisticsQuery,
    ),
)  # fmt: skip
