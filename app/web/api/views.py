"""Saved views of the list of runs, each visible to its owner only."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from app.wire.answers.parts import IGNORED
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import ListRunsQuery, checked
from engine import iso_time
from journal import ViewRow
from steps.checking.as_written import as_written

_LONGEST_NAME = 100
Column = Literal["workflow", "status", "step", "started", "ended", "took"]


class ViewBody(BaseModel):
    """The filters and columns of a view."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    query: dict[str, Annotated[str, Field(max_length=1_000)]] = Field(
        {}, max_length=20,
        description="filters and `sort`, in the form of the query of the list of runs",
    )  # fmt: skip
    columns: list[Column] = Field(
        [], max_length=6, description="the columns that the console shows, in order"
    )

    @model_validator(mode="after")
    def _asks_for_a_list(self) -> "ViewBody":
        try:
            checked(ListRunsQuery, self.query)
        except BadRequest as refused:
            problems = "; ".join(f"{one.path} {one.message}" for one in refused.problems)
            raise ValueError(f"query: {problems}") from refused
        if not self.query.keys().isdisjoint({"cursor", "limit"}):
            raise ValueError("query: a view must not have a cursor or a limit")
        return self


class ShownView(ViewBody):
    """A view; what GET returns, PUT accepts."""

    name: str | None = Field(None, description=IGNORED)
    updatedAt: datetime | None = Field(None, description=IGNORED)  # noqa: N815


def view_document(row: ViewRow) -> dict[str, Any]:
    """Return a view as shown."""
    asked: dict[str, Any] = json.loads(row.asked)
    return {"name": row.name, **asked, "updatedAt": iso_time(row.updated_at_ms)}


async def list_views(call: Call) -> Response:
    """List the caller's own views, sorted by name."""
    rows = await call.services.journal.saved_views.of(call.tenant, call.caller.name)
    return JsonAnswer([view_document(row) for row in rows])


async def put_view(call: Call) -> Response:
    """Store a view of the caller, replacing one of that name."""
    sent = await json_body(call.request, call.services.settings)
    body = checked(ViewBody, as_written(sent, ("name", "updatedAt")))
    name = call.path("name").strip()
    if not name or len(name) > _LONGEST_NAME:
        raise BadRequest(f"the name of a view has 1 to {_LONGEST_NAME} characters")
    text = json.dumps(body.model_dump(), ensure_ascii=False)
    row = ViewRow(name, text, call.services.clock.now_ms())
    await call.services.journal.saved_views.put(call.tenant, call.caller.name, row)
    return JsonAnswer(view_document(row))


async def delete_view(call: Call) -> Response:
    """Delete a view of the caller."""
    name = call.path("name")
    await call.services.journal.saved_views.delete(call.tenant, call.caller.name, name)
    return JsonAnswer({"success": True, "name": name})


ENDPOINTS = (
    Endpoint("GET", "/api/views", Role.VIEWER, list_views, "List your views of the list of runs"),
    Endpoint(
        "PUT", "/api/views/{name}", Role.VIEWER, put_view, "Keep a view", ShownView, is_noted=True
    ),
    Endpoint(
        "DELETE", "/api/views/{name}", Role.VIEWER, delete_view, "Delete a view", is_noted=True
    ),
)
