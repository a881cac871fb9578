"""Versioned definitions over HTTP: list, read, create, change, archive, publish, clone.

Workflows and agents are kept the same way, so their endpoints are made from one table.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.definitions.versioned import Definitions, beside_if_long
from app.services import Services
from app.web.api.known import known_to
from app.web.endpoint import Call, Endpoint
from app.wire.answers.definitions import AgentChanges, WorkflowChanges
from app.wire.parsing.definition_body import definition_body
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import (
    ListDefinitionsQuery,
    ListVersionsQuery,
    PublishBody,
    VersionQuery,
    checked,
)
from engine import iso_time
from engine.value import value
from journal import DefinitionFilter, VersionRow
from steps.agents.agent import AgentDocument
from steps.checking.advice import Known, advice_on_agent
from steps.checking.check import warnings_of
from steps.contract.step_type import Problem, first_of
from steps.document.compiled import Definition
from steps.document.problems import with_article
from steps.document.shape import WorkflowDocument

Handler = Callable[[Call], Awaitable[Response]]


@value(frozen=True, slots=True)
class Resource:
    """One kind of definition: its address, and where it is stored.

    Attributes:
        word: The word for one of them, used in the names of its operations.
        changes: The type of changes for the next version.
        advise: Returns possible mistakes in a version.
    """

    word: str
    path: str
    document: type[BaseModel]
    changes: type[Any]
    kept: Callable[[Services], Definitions[Any]]
    advise: Callable[[Services, VersionRow, Known], Awaitable[list[Problem]]]

    async def list(self, call: Call) -> Response:
        """List them, last changed first."""
        query = call.query(ListDefinitionsQuery)
        wanted = DefinitionFilter(
            query.search, query.status, query.includeArchived, query.limit, query.offset
        )
        rows = await self.kept(call.services).table.search(call.tenant, wanted)
        return JSONResponse([definition_line(row) for row in rows])

    async def get(self, call: Call) -> Response:
        """Show a version."""
        query = call.query(VersionQuery)
        table = self.kept(call.services).table
        return JSONResponse(_whole(await table.get(call.tenant, call.path("id"), query.version)))

    async def versions(self, call: Call) -> Response:
        """List the versions, newest first."""
        query = call.query(ListVersionsQuery)
        rows = await self.kept(call.services).table.versions(
            call.tenant, call.path("id"), limit=query.limit, offset=query.offset
        )
        return JSONResponse([_version(row) for row in rows])

    async def create(self, call: Call) -> Response:
        """Create one."""
        document = await definition_body(call.request, call.services.settings)
        row = await self.kept(call.services).create(call.tenant, document)
        return self._created(row, await self._warnings(call, row))

    async def update(self, call: Call) -> Response:
        """Store the next version."""
        kept = self.kept(call.services)
        await kept.table.get(call.tenant, call.path("id"), "latest")
        changes = await definition_body(call.request, call.services.settings)
        if changes.get("id") not in (None, call.path("id")):
            message = f"stays {call.path('id')!r} at this address; leave it out"
            raise BadRequest("the request is not acceptable", [Problem("id", message)])
        row = await kept.update(call.tenant, call.path("id"), changes)
        return JSONResponse({**_whole(row), **await self._warnings(call, row)})

    async def archive(self, call: Call) -> Response:
        """Archive one."""
        await self.kept(call.services).archive(call.tenant, call.path("id"))
        return await self._newest(call)

    async def unarchive(self, call: Call) -> Response:
        """Restore an archived one as a draft."""
        await self.kept(call.services).unarchive(call.tenant, call.path("id"))
        return await self._newest(call)

    async def delete(self, call: Call) -> Response:
        """Delete an archived one permanently."""
        await self.kept(call.services).delete(call.tenant, call.path("id"))
        return JSONResponse({"success": True, "id": call.path("id")})

    async def publish(self, call: Call) -> Response:
        """Publish a version."""
        kept = self.kept(call.services)
        await kept.table.get(call.tenant, call.path("id"), "latest")
        raw = await json_body(call.request, call.services.settings, required=False)
        body = checked(PublishBody, raw)
        return JSONResponse(_whole(await kept.publish(call.tenant, call.path("id"), body.version)))

    async def clone(self, call: Call) -> Response:
        """Copy one as a new draft."""
        return self._created(await self.kept(call.services).clone(call.tenant, call.path("id")))

    async def _warnings(self, call: Call, row: VersionRow) -> dict[str, Any]:
        """Return possible mistakes in what was saved; nothing if there are none."""
        known = await known_to(call.services, call.tenant, row.definition)
        found = await self.advise(call.services, row, known)
        listed = [{"path": item.path, "message": item.message} for item in first_of(found)]
        return {"warnings": listed} if listed else {}

    def _created(self, row: VersionRow, more: Mapping[str, Any] | None = None) -> Response:
        return JSONResponse(
            {**_whole(row), **(more or {})}, 201, {"Location": f"{self.path}/{quote(row.id)}"}
        )

    async def _newest(self, call: Call) -> Response:
        table = self.kept(call.services).table
        return JSONResponse(_whole(await table.get(call.tenant, call.path("id"), "latest")))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return all endpoints for this kind of definition."""
        one, word, a_word = f"{self.path}/{{id}}", self.word, with_article(self.word)
        return (
            Endpoint(
                "GET", self.path, Role.VIEWER, self.list, f"List {word}s",
                None, ListDefinitionsQuery, name=f"list_{word}s",
            ),
            Endpoint(
                "POST", self.path, Role.EDITOR, self.create, f"Create {a_word}",
                self.document, takes_yaml=True, answers=(201,), name=f"create_{word}",
            ),
            Endpoint(
                "GET", one, Role.VIEWER, self.get, f"Show {a_word}",
                None, VersionQuery, name=f"get_{word}",
            ),
            Endpoint(
                "PUT", one, Role.EDITOR, self.update, "Store the next version",
                self.changes, takes_yaml=True, name=f"update_{word}",
            ),
            Endpoint(
                "DELETE", one, Role.EDITOR, self.archive, f"Archive {a_word}",
                name=f"archive_{word}",
            ),
            Endpoint(
                "GET", f"{one}/versions", Role.VIEWER, self.versions, "List versions",
                None, ListVersionsQuery, name=f"list_{word}_versions",
            ),
            Endpoint(
                "POST", f"{one}/unarchive", Role.EDITOR, self.unarchive,
                f"Restore an archived {word}", name=f"unarchive_{word}",
            ),
            Endpoint(
                "DELETE", f"{one}/permanent", Role.OWNER, self.delete,
                f"Delete an archived {word} permanently", name=f"delete_{word}",
            ),
            Endpoint(
                "POST", f"{one}/publish", Role.EDITOR, self.publish, "Publish a version",
                PublishBody, name=f"publish_{word}", needs_body=False,
            ),
            Endpoint(
                "POST", f"{one}/clone", Role.EDITOR, self.clone, f"Copy {a_word}",
                answers=(201,), name=f"clone_{word}",
            ),
        )  # fmt: skip


async def input_metadata(call: Call) -> Response:
    """Show the inputs that a start expects."""
    row, definition, _ = await startable(call, call.path("workflowId"))
    payload = dict(definition.input_fields())
    return JSONResponse({"success": True, "data": {"workflowId": row.id, "payload": payload}})


async def startable(call: Call, workflow_id: str) -> tuple[VersionRow, Definition, str | None]:
    """Return the version that a start uses, and the query's selection of it, if any."""
    given = call.query(VersionQuery)
    selector = given.version if given.model_fields_set else None
    row, definition = await call.services.workflows.startable(call.tenant, workflow_id, selector)
    return row, definition, selector


def definition_line(row: VersionRow) -> dict[str, Any]:
    """Return a workflow or an agent as lists show it."""
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
    return {**row.definition, **definition_line(row)}


def _version(row: VersionRow) -> dict[str, Any]:
    published_at = iso_time(row.published_at_ms) if row.published_at_ms else None
    brief = {name: item for name, item in definition_line(row).items() if name != "updatedAt"}
    return {**brief, "publishedAt": published_at}


async def _advice_on_workflow(services: Services, row: VersionRow, known: Known) -> list[Problem]:
    return await beside_if_long(
        row.definition, lambda: warnings_of(row.definition, services.registry, known)
    )


async def _advice_on_agent(_: Services, row: VersionRow, known: Known) -> list[Problem]:
    return await beside_if_long(row.definition, lambda: advice_on_agent(row.definition, known))


WORKFLOWS = Resource(
    "workflow",
    "/api/workflows",
    WorkflowDocument,
    WorkflowChanges,
    lambda all_: all_.workflows,
    _advice_on_workflow,
)
AGENTS = Resource(
    "agent", "/api/agents", AgentDocument, AgentChanges, lambda all_: all_.agents, _advice_on_agent
)  # fmt: skip

ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/metadata/input/{workflowId}", Role.VIEWER, input_metadata,
        "Show the inputs that a start expects", None, VersionQuery,
    ),
    *WORKFLOWS.endpoints(),
    *AGENTS.endpoints(),
)  # fmt: skip
