"""The search page: runs, workflows, agents, views, pages and actions."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.web.console import places
from app.web.console.page import Page, filled, fitting
from app.web.console.rendering import page
from app.web.console.runs.run_list import saved_views
from app.web.endpoint import Call
from app.wire.runs.everywhere import found_everywhere

_MOST_RUNS = 25
_MOST_DEFINITIONS = 8


class SearchQuery(BaseModel):
    """The text to search for."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    q: str | None = Field(None, max_length=200)


async def search_page(call: Call) -> Response:
    """Show everything that matches the words of the search."""
    asked, wrong = fitting(SearchQuery, filled(call))
    text = (asked.q or "").strip()
    journal = call.services.journal
    found = await found_everywhere(
        journal, call.tenant, text, most_definitions=_MOST_DEFINITIONS, most_runs=_MOST_RUNS
    )
    definitions = [
        {"name": "Workflows", "path": "/workflows", "found": found.workflows},
        {"name": "Agents", "path": "/agents", "found": found.agents},
    ]
    return await page(
        call,
        "search.html",
        "search",
        wrong_filters=wrong,
        query_text=text,
        definitions=definitions,
        any=any(kind["found"] for kind in definitions),
        pages=await _pages(call, text),
        actions=list(places.found(places.ACTIONS, text, call.caller.role)),
        sign_out=places.SIGN_OUT,
        runs=found.runs.page.rows,
        names=await journal.workflows.names(
            call.tenant, [row.workflow_id for row in found.runs.page.rows]
        ),
        captions={row.run_id: found.runs.captions.get(row.number) for row in found.runs.page.rows},
        errors={row.run_id: found.runs.errors.get(row.number) for row in found.runs.page.rows},
        more="runs" in found.more,
    )


async def _pages(call: Call, text: str) -> list[places.Place]:
    """Return the matching pages, and the caller's matching views of the list of runs."""
    views = await saved_views(call) if text else []
    own = [places.Place(view["name"], view["link"], also="view runs") for view in views]
    return list(places.found((*places.PAGES, *own), text, call.caller.role))


PAGES = (Page("GET", "/search", Role.VIEWER, search_page, "Search", None, SearchQuery),)
