"""The pages of workflows: the list, one with its diagram and versions, the editor, the start."""

import json
from dataclasses import replace
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.web.api.check import CheckBody, checked_text
from app.web.api.definitions import startable
from app.web.api.workflow_statistics import statistics_document
from app.web.console.definitions.compare import CompareQuery, edges
from app.web.console.definitions.snippets import snippets
from app.web.console.definitions.version_list import (
    VersionListQuery,
    comparison,
    newest,
    version_list,
)
from app.web.console.diagram.branch_graphs import branch_graphs
from app.web.console.diagram.graph import Route, StepCounts, picture
from app.web.console.page import Page, filled, fitting
from app.web.console.questions.form_fields import start_fields
from app.web.console.rendering import page
from app.web.console.runs.run_children import opened
from app.web.console.samples import sample_text, samples
from app.web.endpoint import Call
from app.wire.parsing.errors import NotFoundHere
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import ListDefinitionsQuery, checked
from engine import JsonObject, iso_time
from journal import DefinitionFilter, RunFilter, VersionRow
from steps.document.bodies import LOCAL, written_bodies
from steps.document.problems import InvalidDefinition

_PAGE = 50
_PERIOD = "7d"
_MOST_BODIES = 10
_MOST_EDGES = 200
_BLANK = """{
  "name": "New workflow",
  "description": "",
  "initialStep": "first",
  "steps": [
    { "id": "first", "type": "collect-inputs", "output": { "name": { "type": "string" } } },
    { "id": "end", "type": "end-flow" }
  ],
  "edges": [{ "from": "first", "to": "end" }]
}
"""


class NewQuery(BaseModel):
    """What a new workflow starts with."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    sample: str | None = Field(None, max_length=100)


class PictureQuery(VersionListQuery):
    """Which version is shown, and which parts of its diagram are open."""

    open: str | None = Field(None, max_length=2_000)
    part: str | None = Field(None, max_length=5)


async def list_page(call: Call) -> Response:
    """List workflows."""
    query, wrong = fitting(ListDefinitionsQuery, filled(call))
    wanted = DefinitionFilter(
        query.search, query.status, query.includeArchived, _PAGE + 1, query.offset
    )
    rows = await call.services.workflows.table.search(call.tenant, wanted)
    return await page(
        call,
        "workflows.html",
        "workflows",
        wrong_filters=wrong,
        workflows=[_brief(row) for row in rows[:_PAGE]],
        search=query.search or "",
        status=query.status or "",
        next_offset=query.offset + _PAGE if len(rows) > _PAGE else None,
        samples=samples(),
    )


async def workflow_page(call: Call) -> Response:
    """Show one version of a workflow."""
    query = call.query(PictureQuery)
    workflow_id, table = call.path("id"), call.services.workflows.table
    row = await table.get(call.tenant, workflow_id, query.version)
    runs = await call.services.journal.runs.page(call.tenant, RunFilter(workflow_id=workflow_id), 5)
    run_ids = [run.run_id for run in runs]
    captions = await call.services.journal.captions.of(call.tenant, run_ids)
    specs = await _inputs(call, row)
    statistics = await statistics_document(call.services, call.tenant, workflow_id, _PERIOD)
    listed = edges(row.definition)
    settings = call.services.settings
    base = settings.public_url or str(call.request.base_url).rstrip("/")
    return await page(
        call,
        "workflow.html",
        "workflows",
        workflow=_brief(row),
        graph=await picture(row.definition, route=_counts(call, statistics)),
        statistics=statistics,
        bodies=await _bodies(row.definition),
        edges=listed[:_MOST_EDGES],
        edge_count=len(listed),
        **await version_list(table, call.tenant, row, query.offset),
        runs=runs,
        captions={one: captions.get(one) for one in run_ids},
        callers=await call.services.workflows.callers(call.tenant, "workflowId", workflow_id),
        unusable=specs is None,
        snippets=snippets(base, call.tenant, row.id, specs or {}),
        definition=row.definition,
    )


def _counts(call: Call, statistics: JsonObject) -> Route:
    """Return how many runs are in each step, and how many failed there, for the diagram."""
    steps: Any = statistics["steps"]
    asked = call.request.query_params
    here = {name: asked[name] for name in ("version", "open", "part") if asked.get(name)}
    counts = {one["stepId"]: StepCounts(one["here"], one["failed"]) for one in steps}
    return Route(counts=counts, here=here, opened=opened(call))


async def _bodies(document: JsonObject) -> list[dict[str, str]]:
    """Return the diagrams of a document's own workflows; other bodies open in their steps.

    Those of branches that depend on one another come first.
    """
    own = ((path, body) for path, body in written_bodies(document) if "/" not in path)
    parts = (*branch_graphs(document), *(one for one in own if one[0].startswith(LOCAL)))
    first = islice(parts, _MOST_BODIES)
    return [{"path": path, "graph": await picture(body)} for path, body in first]


async def start_page(call: Call) -> Response:
    """Show the form that starts a run."""
    row, definition, _ = await startable(call, call.path("id"))
    latest, marked = await newest(call.services.workflows.table, call.tenant, row.id)
    fields = start_fields(definition.input_fields())
    asks_later = not definition.payload.specs
    if asks_later:
        fields = [replace(field, required=False) for field in fields]
    return await page(
        call,
        "start.html",
        "workflows",
        workflow=_brief(row),
        fields=fields,
        asks_later=asks_later,
        newest=_brief(latest),
        is_default=row.version == marked.default,
    )


async def new_page(call: Call) -> Response:
    """Show the editor for a new workflow, perhaps with a sample in it."""
    query = call.query(NewQuery)
    text = _BLANK
    if query.sample is not None:
        found = sample_text(query.sample)
        if found is None:
            raise NotFoundHere(f"there is no sample {query.sample}")
        text = found
    return await _editor(call, text, None, query.sample)


async def edit_page(call: Call) -> Response:
    """Show the editor with the newest version."""
    row = await call.services.workflows.table.get(call.tenant, call.path("id"), "latest")
    text = json.dumps(row.definition, ensure_ascii=False, indent=2) + "\n"
    return await _editor(call, text, row, None)


async def _editor(call: Call, text: str, row: VersionRow | None, sample: str | None) -> Response:
    found = await checked_text(call, text)
    document = found.document
    return await page(
        call,
        "edit.html",
        "workflows",
        workflow=_brief(row) if row else None,
        text=text,
        lines=text.count("\n") + 1,
        since=iso_time(call.services.clock.now_ms()),
        graph=await picture(document) if isinstance(document, dict) else "",
        problems=found.problems,
        warnings=found.warnings,
        samples=samples(),
        sample=sample or "",
    )


async def preview(call: Call) -> Response:
    """Check the text in the editor, and draw its diagram."""
    body = checked(CheckBody, await json_body(call.request, call.services.settings))
    found = await checked_text(call, body.text)
    graph = await picture(found.document) if isinstance(found.document, dict) else None
    document = found.document if found.is_yaml else None
    findings = {"problems": found.problems, "warnings": found.warnings}
    return JSONResponse({**findings, "graph": graph, "document": document})


async def compare_page(call: Call) -> Response:
    """Show the differences between two versions."""
    table = call.services.workflows.table
    after, shown = await comparison(table, call.tenant, call.path("id"), call.query(CompareQuery))
    return await page(call, "compare.html", "workflows", workflow=_brief(after), **shown)


async def _inputs(call: Call, row: VersionRow) -> "dict[str, Any] | None":
    """Return the inputs of a start of the version; None if it no longer compiles here."""
    try:
        definition = await call.services.workflows.compile_row(call.tenant, row)
    except InvalidDefinition:
        return None
    return dict(definition.input_fields())


def _brief(row: VersionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "status": row.status,
        "version": row.version,
        "archived": row.archived,
        "updated_ms": row.updated_at_ms,
        "created_ms": row.created_at_ms,
    }


PAGES = (
    Page("GET", "/workflows", Role.VIEWER, list_page, "Workflows"),
    Page("GET", "/workflows/new", Role.EDITOR, new_page, "A new workflow"),
    Page("POST", "/workflows/preview", Role.EDITOR, preview, "Check and draw a definition"),
    Page("GET", "/workflows/{id}", Role.VIEWER, workflow_page, "A workflow"),
    Page("GET", "/workflows/{id}/edit", Role.EDITOR, edit_page, "Edit a workflow"),
    Page("GET", "/workflows/{id}/start", Role.OPERATOR, start_page, "Start a run"),
    Page("GET", "/workflows/{id}/compare", Role.VIEWER, compare_page, "Compare two versions"),
)
