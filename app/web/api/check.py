"""Checks a definition without saving it, and gives the line of every problem."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.definitions.definition_text import TextRefused, read_definition
from app.definitions.json_lines import line_of
from app.web.api.known import known_to
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from engine import Json
from engine.value import value
from steps.checking.advice import Known
from steps.checking.check import Checked, check_agent, check_definition, check_document
from steps.contract.step_type import Problem

_LONG = 20_000


class CheckBody(BaseModel):
    """A definition as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    text: str = Field(max_length=1_000_000, description="the definition as text, JSON or YAML")


@value(frozen=True, slots=True)
class TextCheck:
    """The results for a text: problems and warnings with their lines, and the definition."""

    problems: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    document: Json
    is_yaml: bool = False


async def checked_text(call: Call, text: str) -> TextCheck:
    """Check a workflow; a long text is checked beside the event loop."""
    registry = call.services.registry

    def look(document: Json, known: Known) -> Checked:
        return check_definition(document, registry, known)

    return await _checked(call, text, look)


async def checked_agent(call: Call, text: str) -> TextCheck:
    """Check an agent in the same way."""
    return await _checked(call, text, check_agent)


async def _checked(call: Call, text: str, look: Callable[[Json, Known], Checked]) -> TextCheck:
    is_long = len(text) > _LONG
    try:
        read = partial(read_definition, text)
        given = await offload(read) if is_long else read()
    except TextRefused as refused:
        message = str(refused).removeprefix("is ")
        return TextCheck([{"path": "", "message": message, "line": refused.line}], [], None)
    document = given.document
    known = await known_to(call.services, call.tenant, document)

    def look_at_it() -> TextCheck:
        found = look(document, known)
        lines = given.lines() if found.problems or found.warnings else {}
        problems = _with_lines(found.problems, lines)
        warnings = _with_lines(found.warnings, lines)
        return TextCheck(problems, warnings, document, given.is_yaml)

    return await offload(look_at_it) if is_long else look_at_it()


def _with_lines(problems: list[Problem], lines: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"path": item.path, "message": item.message, "line": line_of(lines, item.path)}
        for item in problems
    ]


async def check(call: Call) -> Response:
    """Check a workflow or an agent without saving it."""
    body = checked(CheckBody, await json_body(call.request, call.services.settings))
    registry = call.services.registry

    def look(document: Json, known: Known) -> Checked:
        return check_document(document, registry, known)

    found = await _checked(call, body.text, look)
    document = {"valid": not found.problems, "problems": found.problems}
    if found.warnings:
        document["warnings"] = found.warnings
    return JSONResponse(document)


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/check", Role.VIEWER, check,
        "Check a definition without saving it", CheckBody,
    ),
)  # fmt: skip
