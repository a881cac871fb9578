"""Settings about the server and what a tenant stores in it; people have a file of their own."""

import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import RedirectResponse, Response

from app.auth.roles import Role
from app.auth.tokens import ALGORITHMS
from app.events.catalogue import NAMES
from app.tools.mcp.sign_ins import CALLBACK, PAGE, server_of
from app.upkeep.retention import Retention
from app.web.api.credentials import jwt_secrets_of, keys_of
from app.web.api.processes import processes_document
from app.web.api.spending import budgets_of, spent_by_workflow, spent_this_month
from app.web.api.webhooks import webhook_statuses
from app.web.console.appearance import DENSITIES, THEMES, appearance_of
from app.web.console.page import Page
from app.web.console.rendering import page
from app.web.endpoint import Call
from app.wire.tenant_documents import jwt_secret_document, key_document
from journal.runs.statistics import MOST_RUNS
from journal.tables.deliveries import MOST_COUNTED

_MOST = 0.99
_MOST_GOING = 10_000
_MOST_LINES = 100
_NEAR = 0.8
"""From this fraction on, a budget is shown as nearly spent."""

Gather = Callable[[Call], Awaitable[dict[str, Any]]]


async def first(call: Call) -> Response:
    """Redirect to the first settings page that the caller may see."""
    where = "people" if call.caller.role.includes(Role.ADMIN) else "models"
    return RedirectResponse(f"/settings/{where}", 303)


async def _keys(call: Call) -> dict[str, Any]:
    rows = await keys_of(call)
    return {"keys": [key_document(row) for row in reversed(rows)], "roles": _roles(call)}


async def _tokens(call: Call) -> dict[str, Any]:
    secrets = [jwt_secret_document(row) for row in reversed(await jwt_secrets_of(call))]
    return {"secrets": secrets, "roles": _roles(call), "algorithms": ALGORITHMS}


async def _secrets(call: Call) -> dict[str, Any]:
    return {
        "secrets": [
            {"name": item.name, "created_ms": item.created_at_ms, "updated_ms": item.updated_at_ms}
            for item in call.services.secrets.names(call.tenant)
        ]
    }


async def _variables(call: Call) -> dict[str, Any]:
    rows = await call.services.journal.variables.of(call.tenant)
    return {
        "variables": [
            {"name": row.name, "value": row.value, "updated_ms": row.updated_at_ms} for row in rows
        ]
    }


async def _models(call: Call) -> dict[str, Any]:
    known = await call.services.models.known(call.tenant)
    return {
        "models": [
            {
                "name": item.name,
                "provider": item.settings.provider,
                "model": item.settings.model,
                "address": item.base_url,
                "source": item.source,
                "is_default": item.is_default,
            }
            for item in known
        ]
    }


async def _budgets(call: Call) -> dict[str, Any]:
    budgets = sorted(await budgets_of(call), key=_used, reverse=True)
    lines = await spent_by_workflow(call)
    return {
        "budgets": [{**one, "used": _used(one), "stand": _stand(_used(one))} for one in budgets],
        "month": await spent_this_month(call),
        "lines": lines[:_MOST_LINES],
        "more": max(0, len(lines) - _MOST_LINES),
    }


def _used(budget: dict[str, Any]) -> float:
    """Return the fraction of a budget that is spent; 1 if it allows nothing."""
    return float(budget["spent"] / budget["month"]) if budget["month"] else 1.0


def _stand(used: float) -> str:
    return "used up" if used >= 1 else "near" if used >= _NEAR else ""


async def _tools(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = call.services.tools.document()
    return {"found": found, "with_people": any(one["signIn"] for one in found["servers"])}


async def _back_from_mcp_server(call: Call) -> Response:
    """Take the code with which somebody returns from signing in at an MCP server."""
    given = call.request.query_params
    sign_ins, state = call.services.mcp_sign_ins, given.get("state", "")
    await sign_ins.complete(
        call.caller, server_of(state), state, given.get("code", ""), given.get("iss")
    )
    if call.services.changes is not None:
        call.services.changes.made()
    return RedirectResponse(PAGE, 303)


async def _webhooks(call: Call) -> dict[str, Any]:
    rows = await call.services.journal.webhooks.of_tenant(call.tenant)
    counts = await call.services.journal.outbox.counts([row.id for row in rows])
    statuses = await webhook_statuses(call, rows)
    shown = [
        {
            "id": row.id,
            "name": row.name,
            "url": row.url,
            "events": list(row.events),
            "status": statuses[row.id],
            "pending": counts[row.id].get("pending", 0),
            "given_up": counts[row.id].get("given_up", 0),
        }
        for row in rows
    ]
    return {"webhooks": shown, "names": NAMES, "most_counted": MOST_COUNTED}


async def _retention(call: Call) -> dict[str, Any]:
    services = call.services
    retention = Retention(services.journal, services.settings, services.clock_watch)
    due = {item.group.status: item for item in await retention.due(call.tenant, _MOST_GOING)}
    counts = await services.journal.statistics.by_status(call.tenant)
    return {
        "is_on": any(rule.age or rule.keep is not None for rule in retention.rules(call.tenant)),
        "every": services.settings.housekeeping_interval,
        "most_runs": MOST_RUNS,
        "rules": [
            {
                "status": rule.status,
                "age": rule.age,
                "keep": rule.keep,
                "runs": counts.get(rule.status, 0),
                "going": due[rule.status].runs if rule.status in due else 0,
                "going_most": _MOST_GOING,
            }
            for rule in retention.rules(call.tenant)
        ],
    }


async def _health(call: Call) -> dict[str, Any]:
    services = call.services
    database, log = await services.journal.statistics.sizes()
    counts = await services.journal.statistics.by_status(call.tenant)
    timer_ms = await services.journal.statistics.oldest_timer_ms(call.tenant)
    now_ms, commits = services.clock.now_ms(), services.journal.counters.seconds
    return {
        "database": database,
        "log": log,
        "counts": counts,
        "most_runs": MOST_RUNS,
        "total": sum(counts.values()),
        "is_more": MOST_RUNS in counts.values(),
        "timer_ms": timer_ms,
        "is_late": timer_ms is not None and timer_ms < now_ms - 5_000,
        "is_recovered": services.recovery.is_done,
        "commits": commits.count,
        "commit_ms": round(1_000 * commits.sum / max(1, commits.count), 1),
        "most_ms": _bound_ms(commits.bound_of(_MOST)),
        "queued": services.journal.counters.queued,
        "trouble": services.journal.health.trouble,
        "files_trouble": services.files.trouble,
        "waiting_for_journal": len(services.lost_runs),
        "processes": await processes_document(call),
    }


def _bound_ms(seconds: float) -> float | None:
    return None if seconds == math.inf else round(1_000 * seconds, 1)


def _roles(call: Call) -> list[str]:
    """Return the roles that the caller may give to others."""
    return [role.value for role in reversed(Role) if call.caller.role.includes(role)]


def _page(name: str, role: Role, gather: Gather, title: str) -> Page:
    async def show(call: Call) -> Response:
        found = await gather(call)
        return await page(call, f"settings_{name}.html", "settings", part=name, **found)

    return Page("GET", f"/settings/{name}", role, show, title)


async def _appearance(call: Call) -> dict[str, Any]:
    return {"themes": ("", *THEMES), "densities": ("", *DENSITIES), **appearance_of(call.request)}


PAGES = (
    Page("GET", "/settings", Role.VIEWER, first, "Settings"),
    _page("appearance", Role.VIEWER, _appearance, "Appearance"),
    _page("keys", Role.ADMIN, _keys, "API keys"),
    _page("tokens", Role.ADMIN, _tokens, "Secrets of tokens"),
    _page("secrets", Role.ADMIN, _secrets, "Secrets"),
    _page("variables", Role.VIEWER, _variables, "Variables"),
    _page("models", Role.VIEWER, _models, "Models"),
    _page("budgets", Role.VIEWER, _budgets, "Budgets"),
    _page("tools", Role.VIEWER, _tools, "Tools"),
    Page("GET", CALLBACK, Role.ADMIN, _back_from_mcp_server, "Sign in at an MCP server"),
    _page("webhooks", Role.ADMIN, _webhooks, "Webhooks"),
    _page("retention", Role.VIEWER, _retention, "Retention"),
    _page("health", Role.VIEWER, _health, "Health"),
)
