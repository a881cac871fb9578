"""`/openapi.json`, generated from the endpoints and the models that check requests."""

import re
from importlib.metadata import version
from typing import Any

from app.web.api.answers import ALSO_MEDIA, ANSWERS, FILE, OTHER_MEDIA, UNFINISHED
from app.web.api.openapi_parts import (
    ATTACHMENT,
    ERROR,
    HEADERS,
    LOCATION,
    TAGS,
    failures,
    failures_of,
    operation_id,
    tag_of,
)
from app.web.api.openapi_schemas import (
    REFERENCE,
    Schema,
    Schemas,
    example_of,
    never_null,
    plain,
    schemas_of,
)
from app.web.endpoint import Endpoint
from app.wire.parsing.definition_body import YAML

_OK, _NO_CONTENT, _ACCEPTED, _CREATED = 200, 204, 202, 201
_ABOUT = (
    "Runs workflows that must not be lost. Send `x-api-key` with `x-tenant-id`, or a signed token "
    "as `Authorization: Bearer`."
)


def openapi(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the API."""
    asked = {kind for e in endpoints for kind in (e.body, e.form) if kind}
    bodies = sorted(asked, key=lambda kind: kind.__name__)
    given = {e.operation: ANSWERS[e.operation] for e in endpoints if e.operation in ANSWERS}
    made, defined = schemas_of({**{kind.__name__: kind for kind in bodies}, **given})
    answers = {
        name: {"schema": made[name], "example": example_of(made[name], defined)} for name in given
    }
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, answers)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stepwell Workflow API",
            "description": _ABOUT,
            "version": version("stepwell"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "the server that returned this document"}],
        "tags": [{"name": name, "description": about} for name, about, _ in TAGS],
        "paths": paths,
        "components": {
            "schemas": {**defined, "Error": ERROR},
            "responses": failures(),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "tenant": {"type": "apiKey", "in": "header", "name": "x-tenant-id"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
        "security": [{"apiKey": [], "tenant": []}, {"token": []}],
    }


def _operation(endpoint: Endpoint, answers: dict[str, Any]) -> dict[str, Any]:
    content = _content(endpoint)
    operation: dict[str, Any] = {
        "tags": [tag_of(endpoint.path)],
        "summary": endpoint.summary,
        "description": f"Needs the role {endpoint.role}.",
        "operationId": operation_id(endpoint.operation),
        "parameters": _parameters(endpoint),
        "responses": {
            **{str(status): _answer(endpoint, status, answers) for status in endpoint.answers},
            **failures_of(has_body=bool(content), has_key="Idempotency-Key" in endpoint.headers),
        },
    }
    if content:
        operation["requestBody"] = {"required": endpoint.needs_body, "content": content}
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    query = plain(endpoint.query.model_json_schema(schema_generator=Schemas))
    required = query.get("required", [])
    queries = [
        {"name": name, "in": "query", "required": name in required, **_described(schema)}
        for name, schema in query.get("properties", {}).items()
    ]
    headers = [
        {"name": name, "in": "header", "required": False, **HEADERS[name]}
        for name in endpoint.headers
    ]
    return [*path, *queries, *headers]


def _described(schema: Schema) -> dict[str, Any]:
    """Return the schema of a parameter, and its description separately."""
    shown = never_null(schema)
    about = {"description": shown["description"]} if "description" in shown else {}
    return {**about, "schema": {key: part for key, part in shown.items() if key != "description"}}


def _answer(endpoint: Endpoint, status: int, answers: dict[str, Any]) -> dict[str, Any]:
    if status == _NO_CONTENT:
        return {"description": "Nothing more will come"}
    if status == _OK and (media := ALSO_MEDIA.get(endpoint.operation)):
        content = {"application/json": answers[endpoint.operation], **media}
        return {"description": "The answer", "content": content}
    if media := OTHER_MEDIA.get(endpoint.operation):
        about = {"headers": {"Content-Disposition": ATTACHMENT}} if FILE in media else {}
        return {"description": "The answer", "content": media, **about}
    shown = answers[endpoint.operation]
    if status == _ACCEPTED and "status" in shown["example"]:
        example = shown["example"]
        left = {key: item for key, item in UNFINISHED.items() if key != "result" or key in example}
        shown = {**shown, "example": {**example, **left}}
        return {"description": "It continues", "content": {"application/json": shown}}
    if status == _CREATED and endpoint.operation.startswith(("create_", "clone_")):
        about = {"headers": {"Location": LOCATION}} if _has_location(endpoint) else {}
        return {"description": "It was made", "content": {"application/json": shown}, **about}
    return {"description": "The answer", "content": {"application/json": shown}}


def _has_location(endpoint: Endpoint) -> bool:
    return endpoint.path.startswith(("/api/workflows", "/api/agents"))


def _content(endpoint: Endpoint) -> dict[str, Any]:
    kinds = {
        "application/json": endpoint.body,
        YAML: endpoint.body if endpoint.takes_yaml else None,
        "multipart/form-data": endpoint.form,
    }
    return {
        media: {"schema": {"$ref": REFERENCE.format(model=kind.__name__)}}
        for media, kind in kinds.items()
        if kind
    }
