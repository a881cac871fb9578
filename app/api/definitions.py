"""Workflows over HTTP: list, read, create, change, archive, publish, clone."""

from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from app.api.endpoint import Call, Endpoint
from app.api.json_body import json_body
from app.api.models import ListWorkflowsQuery, PublishBody, VersionQuery, checked
from app.auth.roles import Role
from engine import iso_time
from journal import VersionRow, WorkflowFilter
from steps.document import WorkflowDocument


def _brief(row: VersionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "status": row.status,
        "version": row.version,
        "createdAt": iso_time(row.created_at_ms),
        "updatedAt": iso_time(row.updated_at_ms),
    }


def _whole(row: VersionRow) -> dict[str, Any]:
    return {**row.definition, **_brief(row)}


async def list_workflows(call: Call) -> Response:
    """List workflows, the last changed first."""
    query = checked(ListWorkflowsQuery, dict(call.request.query_params))
    wanted = WorkflowFilter(
        query.search, query.status, query.includeArchived == "true", query.limit, query.offset
    )
    rows = await call.services.journal.workflows.search(call.tenant, wanted)
    return JSONResponse([_brief(row) for row in rows])


async def get_workflow(call: Call) -> Response:
    """Show a version of a workflow."""
    query = checked(VersionQuery, dict(call.request.query_params))
    row = await call.services.journal.workflows.get(call.tenant, call.path("id"), query.version)
    return JSONResponse(_whole(row))


async def list_versions(call: Call) -> Response:
    """List a workflow's versions, newest first."""
    rows = await call.services.journal.workflows.versions(call.tenant, call.path("id"))
    published = {"publishedAt"}
    return JSONResponse(
        [
            {
                **{k: v for k, v in _brief(row).items() if k not in ("updatedAt", *published)},
                "publishedAt": iso_time(row.published_at_ms) if row.published_at_ms else None,
            }
            for row in rows
        ]
    )


async def create(call: Call) -> Response:
    """Create a workflow."""
    document = await json_body(call.request, call.services.settings)
    row = await call.services.workflows.create(call.tenant, document)
    return JSONResponse(_whole(row), 201, {"Location": f"/api/workflows/{quote(row.id)}"})


async def update(call: Call) -> Response:
    """Store the next version of a workflow."""
    workflow_id = call.path("id")
    await call.services.journal.workflows.get(call.tenant, workflow_id, "latest")
    changes = await json_body(call.request, call.services.settings)
    row = await call.services.workflows.update(call.tenant, workflow_id, changes)
    return JSONResponse(_whole(row))


async def archive(call: Call) -> Response:
    """Archive a workflow."""
    now_ms = call.services.clock.now_ms()
    await call.services.journal.workflows.archive(call.tenant, call.path("id"), now_ms)
    return await _newest(call)


async def unarchive(call: Call) -> Response:
    """Bring an archived workflow back as a draft."""
    now_ms = call.services.clock.now_ms()
    await call.services.journal.workflows.unarchive(call.tenant, call.path("id"), now_ms)
    return await _newest(call)


async def delete(call: Call) -> Response:
    """Delete an archived workflow for good."""
    await call.services.journal.workflows.delete(call.tenant, call.path("id"))
    return JSONResponse({"success": True, "id": call.path("id")})


async def publish(call: Call) -> Response:
    """Publish a version."""
    workflow_id, now_ms = call.path("id"), call.services.clock.now_ms()
    await call.services.journal.workflows.get(call.tenant, workflow_id, "latest")
    raw = await json_body(call.request, call.services.settings, required=False)
    body = checked(PublishBody, raw)
    table = call.services.journal.workflows
    version = await table.publish(call.tenant, workflow_id, body.version, now_ms)
    return JSONResponse(_whole(await table.get(call.tenant, workflow_id, version)))


async def clone(call: Call) -> Response:
    """Copy a workflow as a new draft."""
    row = await call.services.workflows.clone(call.tenant, call.path("id"))
    return JSONResponse(_whole(row), 201, {"Location": f"/api/workflows/{quote(row.id)}"})


async def input_metadata(call: Call) -> Response:
    """Show what a start expects."""
    query = dict(call.request.query_params)
    selector = checked(VersionQuery, query).version if "version" in query else None
    row, definition = await call.services.workflows.startable(
        call.tenant, call.path("workflowId"), selector
    )
    payload = dict(definition.input_fields())
    return JSONResponse({"success": True, "data": {"workflowId": row.id, "payload": payload}})


async def _newest(call: Call) -> Response:
    table = call.services.journal.workflows
    return JSONResponse(_whole(await table.get(call.tenant, call.path("id"), "latest")))


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/metadata/input/{workflowId}", Role.VIEWER, input_metadata,
        "Show what a start expects", None, VersionQuery,
    ),
    Endpoint(
        "GET", "/api/workflows", Role.VIEWER, list_workflows, "List workflows",
        None, ListWorkflowsQuery,
    ),
    Endpoint(
        "POST", "/api/workflows", Role.EDITOR, create, "Create a workflow", WorkflowDocument,
        answers=(201,),
    ),
    Endpoint(
        "GET", "/api/workflows/{id}", Role.VIEWER, get_workflow, "Show a workflow",
        None, VersionQuery,
    ),
    Endpoint(
        "PUT", "/api/workflows/{id}", Role.EDITOR, update, "Store the next version",
        WorkflowDocument,
    ),
    Endpoint("DELETE", "/api/workflows/{id}", Role.EDITOR, archive, "Archive a workflow"),
    Endpoint(
        "GET", "/api/workflows/{id}/versions", Role.VIEWER, list_versions, "List versions"
    ),
    Endpoint(
        "POST", "/api/workflows/{id}/unarchive", Role.EDITOR, unarchive,
        "Bring an archived workflow back",
    ),
    Endpoint(
        "DELETE", "/api/workflows/{id}/permanent", Role.OWNER, delete,
        "Delete an archived workflow for good",
    ),
    Endpoint(
        "POST", "/api/workflows/{id}/publish", Role.EDITOR, publish, "Publish a version",
        PublishBody,
    ),
    Endpoint(
        "POST", "/api/workflows/{id}/clone", Role.EDITOR, clone, "Copy a workflow",
        answers=(201,),
    ),
)  # fmt: skip
