"""The one search, over HTTP."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.web.api.definitions import definition_line
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from app.wire.requests.query_values import Whole
from app.wire.runs.everywhere import found_everywhere
from app.wire.runs.listing import run_line


class EverywhereQuery(BaseModel):
    """The words to search for."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    q: str = Field(
        min_length=1, max_length=200, description="words, or beginnings of words; or an id"
    )
    limit: Whole = Field(10, ge=1, le=100, description="the most of each kind")


async def search_everywhere(call: Call) -> Response:
    """Search workflows, agents and runs."""
    query = call.query(EverywhereQuery)
    found = await found_everywhere(
        call.services.journal, call.tenant, query.q.strip(),
        most_definitions=query.limit, most_runs=query.limit,
    )  # fmt: skip
    return JsonAnswer(
        {
            "workflows": [definition_line(row) for row in found.workflows],
            "agents": [definition_line(row) for row in found.agents],
            "runs": [run_line(row, found.runs) for row in found.runs.page.rows],
            "more": list(found.more),
        }
    )


ENDPOINTS = (
    Endpoint(
        "GET", "/api/search", Role.VIEWER, search_everywhere,
        "Search workflows, agents and runs", None, EverywhereQuery,
    ),
)  # fmt: skip
