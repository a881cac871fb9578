"""The costs of models, and monthly budgets."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint
from app.wire.answers.parts import IGNORED
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.requests.query_values import Day
from journal import SpendingRow
from steps.checking.as_written import as_written
from steps.effects.chat import in_currency, in_nano

_GROUPS = {
    "day": "day", "workflow": "workflow_id", "agent": "agent_id", "model": "model",
}  # fmt: skip
_NAMES = {"day": "day", "workflow": "workflowId", "agent": "agentId", "model": "model"}


class UsageQuery(BaseModel):
    """Which days to add up, and by what to group them."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    since: Day | None = Field(
        None, description="first day (UTC); by default the first of the month"
    )
    until: Day | None = Field(None, description="last day (UTC); by default today")
    by: str = Field(
        "day,model",
        description="any of `day`, `workflow`, `agent` and `model`, separated by commas",
    )

    @field_validator("by")
    @classmethod
    def _known(cls, value: str) -> str:
        wrong = [name for name in value.split(",") if name not in _GROUPS]
        if wrong:
            raise ValueError(f"must be any of {', '.join(_GROUPS)}, not {wrong[0]!r}")
        return value


class BudgetBody(BaseModel):
    """A monthly budget."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    workflowId: str | None = Field(  # noqa: N815
        None,
        min_length=1,
        max_length=200,
        description="the workflow; without it, the budget is the tenant's",
    )
    month: float | None = Field(
        description="the most that models may cost in a calendar month (UTC); null: no budget",
        ge=0,
        le=1_000_000_000,
        strict=True,
    )


class ShownBudget(BudgetBody):
    """A monthly budget; what GET returns, PUT accepts."""

    spent: float | None = Field(None, description=IGNORED)


async def show_usage(call: Call) -> Response:
    """Show the use of models and its cost."""
    query = call.query(UsageQuery)
    today = call.services.spending.today()
    first = query.since.isoformat() if query.since else f"{today[:8]}01"
    last = query.until.isoformat() if query.until else today
    rows = await call.services.spending.days(call.tenant, first, last)
    groups = query.by.split(",")
    found: dict[tuple[str, ...], list[SpendingRow]] = {}
    for row in rows:
        found.setdefault(tuple(getattr(row, _GROUPS[name]) for name in groups), []).append(row)
    lines = [
        {**{_NAMES[name]: item for name, item in zip(groups, key, strict=True)}, **added_up(some)}
        for key, some in sorted(found.items())
    ]
    return JSONResponse({"since": first, "until": last, "total": added_up(rows), "usage": lines})


def added_up(rows: Iterable[SpendingRow]) -> dict[str, Any]:
    """Return the sums of some rows as shown."""
    some: Sequence[SpendingRow] = list(rows)
    return {
        "calls": sum(row.calls for row in some),
        "estimated": sum(row.estimated for row in some),
        "inputTokens": sum(row.input_tokens for row in some),
        "cachedTokens": sum(row.cached_tokens for row in some),
        "outputTokens": sum(row.output_tokens for row in some),
        "cost": in_currency(sum(row.cost_nano for row in some)),
    }


async def spent_this_month(call: Call) -> dict[str, Any]:
    """Return the use and cost of the tenant's models since the first day of the month."""
    return added_up(await _days_of_month(call))


async def spent_by_workflow(call: Call) -> list[dict[str, Any]]:
    """Return the costs of each workflow and model this month, highest first."""
    found: dict[tuple[str, str], list[SpendingRow]] = {}
    for row in await _days_of_month(call):
        found.setdefault((row.workflow_id, row.model), []).append(row)
    lines = [
        {"workflowId": workflow_id, "model": model, **added_up(some)}
        for (workflow_id, model), some in found.items()
    ]
    return sorted(lines, key=lambda line: (-line["cost"], -line["inputTokens"]))


async def _days_of_month(call: Call) -> Sequence[SpendingRow]:
    spending = call.services.spending
    today = spending.today()
    return await spending.days(call.tenant, f"{today[:8]}01", today)


async def list_budgets(call: Call) -> Response:
    """List the monthly budgets, with the amount spent."""
    return JSONResponse({"budgets": await budgets_of(call)})


async def put_budget(call: Call) -> Response:
    """Set, change or remove a budget."""
    services = call.services
    sent = await json_body(call.request, services.settings)
    body = checked(BudgetBody, as_written(sent, ("spent",)))
    if body.workflowId is not None and body.month is not None:
        await services.workflows.table.get(call.tenant, body.workflowId, "latest")
    nano = None if body.month is None else in_nano(body.month)
    await services.spending.set_budget(call.tenant, body.workflowId or "", nano)
    return JSONResponse({"budgets": await budgets_of(call)})


async def budgets_of(call: Call) -> list[dict[str, Any]]:
    """Return the monthly budgets of a tenant, with the amount spent."""
    spending, rows = call.services.spending, await _days_of_month(call)
    return [
        {
            "workflowId": workflow_id or None,
            "month": in_currency(nano),
            "spent": in_currency(
                sum(row.cost_nano for row in rows if workflow_id in ("", row.workflow_id))
            ),
        }
        for workflow_id, nano in (await spending.budgets(call.tenant)).items()
    ]


ENDPOINTS = (
    Endpoint(
        "GET", "/api/usage", Role.VIEWER, show_usage, "Show the costs of models", None,
        UsageQuery,
    ),
    Endpoint("GET", "/api/budgets", Role.VIEWER, list_budgets, "List the monthly budgets"),
    Endpoint("PUT", "/api/budgets", Role.ADMIN, put_budget, "Set a monthly budget", ShownBudget),
)  # fmt: skip
