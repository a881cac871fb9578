"""A client that asserts that each answer is as `/openapi.json` describes it."""

import json
import re
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

_JSON, _FILE = "application/json", "application/octet-stream"
_PATHS = tuple[tuple[re.Pattern[str], dict[str, Any]], ...]


@cache
def description() -> dict[str, Any]:
    """Return the description of the API."""
    # Loaded for the first answer: most test processes that import this file ask no server.
    from app.web.api.openapi import openapi
    from app.web.endpoints import ENDPOINTS

    return openapi(ENDPOINTS)


@cache
def _paths() -> _PATHS:
    """Return the pattern of each path and what it describes; those without parameters first."""
    known = sorted(description()["paths"].items(), key=lambda item: item[0].count("{"))
    return tuple((re.compile(re.sub(r"\{\w+\}", "[^/]+", name)), item) for name, item in known)


@cache
def _closed() -> dict[str, Any]:
    """Return the schemas by name; an object has no fields that are not described."""
    schemas = description()["components"]["schemas"].items()
    return {
        name: {"additionalProperties": False, **part} if part.get("type") == "object" else part
        for name, part in schemas
    }


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {**json.loads(schema), "components": {"schemas": _closed()}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Return a validator that refuses fields that are not described."""
    return _validator(json.dumps(schema))


def operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the described operation of an address; None if it is none of the API."""
    found = next((item for pattern, item in _paths() if pattern.fullmatch(path)), {})
    described: dict[str, Any] | None = found.get(method.lower())
    return described


def faults(answer: httpx.Response) -> list[str]:
    """Return where an answer is not as described."""
    request = answer.request
    described = operation(request.method, request.url.raw_path.decode().partition("?")[0])
    if described is None:
        return []
    response = described["responses"].get(str(answer.status_code))
    if response is None:
        return [f"the status {answer.status_code} is not described"]
    if "$ref" in response:
        name = response["$ref"].rpartition("/")[2]
        response = description()["components"]["responses"][name]
    found = [
        f"there is no header {name}"
        for name in response.get("headers", {})
        if name not in answer.headers
    ]
    return found + _body_faults(response.get("content", {}), answer)


def _body_faults(content: dict[str, Any], answer: httpx.Response) -> list[str]:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if _FILE in content:
        return []
    if kind not in content:
        return [f"the body is {kind or 'without a type'}"] if answer.content else []
    if kind != _JSON:
        return []
    found = validator(content[kind]["schema"]).iter_errors(answer.json())
    return [f"{'.'.join(map(str, one.instance_path))}: {one.message}" for one in found]


class DescribedClient(httpx.Client):
    """Asserts of each answer that is not streamed that it is described."""

    def send(self, request: httpx.Request, *, stream: bool = False, **more: Any) -> httpx.Response:
        """Send a request and hold its answer against the description."""
        answer = super().send(request, stream=stream, **more)
        found = [] if stream else faults(answer)
        assert not found, (request.method, str(request.url), found[:3], answer.text[:2_000])
        return answer
