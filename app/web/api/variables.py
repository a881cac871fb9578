"""Variables over HTTP: values that expressions use as `vars.NAME`."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.definitions.variables import put_variable
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from app.wire.answers.parts import IGNORED
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.tenant_documents import variable_document
from steps.checking.as_written import as_written


class VariableBody(BaseModel):
    """A variable's value."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    value: Any = Field(description="any JSON value; runs that have started keep the previous one")


class ShownVariable(VariableBody):
    """A variable's value; what GET returns, PUT accepts."""

    name: str | None = Field(None, description=IGNORED)
    createdAt: datetime | None = Field(None, description=IGNORED)  # noqa: N815
    updatedAt: datetime | None = Field(None, description=IGNORED)  # noqa: N815


async def list_variables(call: Call) -> Response:
    """List the tenant's variables with their values."""
    rows = await call.services.journal.variables.of(call.tenant)
    return JsonAnswer([variable_document(row) for row in rows])


async def set_variable(call: Call) -> Response:
    """Store a variable, replacing one of that name."""
    sent = await json_body(call.request, call.services.settings)
    body = checked(VariableBody, as_written(sent, ("name", "createdAt", "updatedAt")))
    now_ms = call.services.clock.now_ms()
    table = call.services.journal.variables
    row = await put_variable(table, call.tenant, call.path("name"), body.value, now_ms)
    return JsonAnswer(variable_document(row))


async def delete_variable(call: Call) -> Response:
    """Delete a variable; runs that start from now on do not have it."""
    await call.services.journal.variables.delete(call.tenant, call.path("name"))
    return JsonAnswer({"success": True, "name": call.path("name")})


ENDPOINTS = (
    Endpoint("GET", "/api/variables", Role.VIEWER, list_variables, "List variables"),
    Endpoint(
        "PUT", "/api/variables/{name}", Role.EDITOR, set_variable, "Keep a variable", ShownVariable
    ),
    Endpoint("DELETE", "/api/variables/{name}", Role.EDITOR, delete_variable, "Delete a variable"),
)  # fmt: skip
