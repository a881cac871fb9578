"""Checking a definition without saving it, with the line of every problem."""

import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.definitions.json_lines import line_of, lines_of
from app.web.endpoint import Call, Endpoint
from app.wire.bodies import checked
from app.wire.errors import BadRequest
from app.wire.json_body import json_body, parse_json
from engine import Json
from steps.agent import compile_agent
from steps.definition import compile_definition
from steps.problems import InvalidDefinition
from steps.registry import Registry

_LONG = 20_000


class CheckBody(BaseModel):
    """A definition as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(max_length=1_000_000, description="the definition as JSON text")


def problems_in(
    text: str, compile_document: Callable[[Json], object]
) -> tuple[list[dict[str, Any]], Json]:
    """Return every problem of a text with path and line, and what the text holds if it is JSON."""
    try:
        document = parse_json(text.encode("utf-8", "replace"))
    except BadRequest as unreadable:
        message = str(unreadable).removeprefix("the body is ")
        return [{"path": "", "message": message, "line": _line_of(unreadable)}], None
    try:
        compile_document(document)
    except InvalidDefinition as invalid:
        lines = lines_of(text)
        return [
            {"path": p.path, "message": p.message, "line": line_of(lines, p.path)}
            for p in invalid.problems
        ], document
    return [], document


def _line_of(unreadable: BadRequest) -> int:
    """Return the line of the fault where the parser tells it, else the first."""
    cause = unreadable.__cause__
    return cause.lineno if isinstance(cause, json.JSONDecodeError) else 1


async def checked_text(text: str, registry: Registry) -> tuple[list[dict[str, Any]], Json]:
    """Check a workflow, beside the event loop where its text is long."""
    return await _checked(text, lambda document: compile_definition(document, registry))


async def checked_agent(text: str) -> list[dict[str, Any]]:
    """Check an agent in the same way, and return its problems."""
    problems, _ = await _checked(text, compile_agent)
    return problems


async def _checked(
    text: str, compile_document: Callable[[Json], object]
) -> tuple[list[dict[str, Any]], Json]:
    if len(text) > _LONG:
        return await offload(lambda: problems_in(text, compile_document))
    return problems_in(text, compile_document)


async def check(call: Call) -> Response:
    """Check a definition without saving it."""
    body = checked(CheckBody, await json_body(call.request, call.services.settings))
    problems, _ = await checked_text(body.text, call.services.registry)
    return JSONResponse({"valid": not problems, "problems": problems})


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/check", Role.VIEWER, check,
        "Check a definition without saving it", CheckBody,
    ),
)  # fmt: skip
