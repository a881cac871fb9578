"""One search for everything: runs, workflows, agents, and pages of the console."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.web.console.page import Page, filled, fitting
from app.web.console.rendering import page
from app.web.endpoint import Call
from app.wire.bodies import ListRunsQuery
from app.wire.run_list import found_runs
from journal import DefinitionFilter

_MOST_RUNS = 25
_MOST_DEFINITIONS = 8


class SearchQuery(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    q: str | None = Field(None, max_length=200)


async def search_page(call: Call) -> Response:
    """Show what has the words of the search."""
    asked, wrong = fitting(SearchQuery, filled(call))
    text = (asked.q or "").strip()
    journal = call.services.journal
    wanted = DefinitionFilter(search=text, limit=_MOST_DEFINITIONS)
    definitions = [
        {"name": name, "path": path, "found": await table.search(call.tenant, wanted)}
        for name, path, table in (
            ("Workflows", "/workflows", journal.workflows),
            ("Agents", "/agents", journal.agents),
        )
        if text
    ]
    query = ListRunsQuery(text=text or "-")
    found, captions = await found_runs(journal, call.tenant, query, _MOST_RUNS)
    return await page(
        call,
        "search.html",
        "search",
        wrong_filters=wrong,
        query_text=text,
        definitions=definitions,
        any=any(kind["found"] for kind in definitions),
        pages=_pages(text),
        runs=found.rows,
        captions={row.run_id: captions.get(row.run_id) for row in found.rows},
        more=found.following is not None,
    )


_PLACES = {
    "Overview": "/overview",
    "Inbox": "/inbox",
    "Runs": "/runs",
    "Failed runs": "/runs?status=failed",
    "Workflows": "/workflows",
    "New workflow": "/workflows/new",
    "Agents": "/agents",
    "New agent": "/agents/new",
    "Settings": "/settings",
    "API keys": "/settings/keys",
    "Secrets": "/settings/secrets",
    "Variables": "/settings/variables",
    "Models": "/settings/models",
    "Tools": "/settings/tools",
    "Webhooks": "/settings/webhooks",
    "Schedules": "/settings/schedules",
    "Signals": "/settings/signals",
    "Retention": "/settings/retention",
    "Health": "/settings/health",
}


def _pages(text: str) -> list[dict[str, str]]:
    words = text.lower().split()
    return [
        {"name": name, "path": path}
        for name, path in _PLACES.items()
        if words and all(word in name.lower() for word in words)
    ]


PAGES = (Page("GET", "/search", Role.VIEWER, search_page, "Search", None, SearchQuery),)
