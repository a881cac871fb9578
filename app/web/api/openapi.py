"""`/openapi.json`: made from the endpoints and from the models that check requests."""

import re
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from app.web.endpoint import Endpoint
from app.web.errors import TABLE


def openapi(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the API."""
    models = sorted({e.body for e in endpoints if e.body}, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stepwell Workflow API", "version": version("stepwell")},
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Error": _ERROR},
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "tenant": {"type": "apiKey", "in": "header", "name": "x-tenant-id"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
        "security": [{"apiKey": [], "tenant": []}, {"token": []}],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    query = endpoint.query.model_json_schema()
    required = query.get("required", [])
    parameters += [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in query.get("properties", {}).items()
    ]
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "description": f"Needs the role {endpoint.role}.",
        "operationId": endpoint.operation,
        "parameters": parameters,
        "responses": {
            **{str(status): {"description": "The answer"} for status in endpoint.answers},
            **{str(status): _failure(word) for _, status, word in reversed(TABLE)},
        },
    }
    if endpoint.body:
        operation["requestBody"] = {"content": _content(endpoint)}
    return operation


def _content(endpoint: Endpoint) -> dict[str, Any]:
    assert endpoint.body is not None  # noqa: S101 - by the caller
    reference = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
    content: dict[str, Any] = {"application/json": {"schema": reference}}
    if endpoint.takes_attachment:
        content["multipart/form-data"] = {
            "schema": {
                "type": "object",
                "properties": {"attachment": {"type": "string", "format": "binary"}},
                "additionalProperties": {
                    "type": "string",
                    "description": "An input; for one of type file, the file or its id",
                },
            }
        }
    return content


def _failure(word: str) -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/Error"}}
    return {"description": word, "content": {"application/json": schema}}


_ERROR = {
    "type": "object",
    "required": ["error", "message", "requestId"],
    "properties": {
        "error": {"type": "string"},
        "message": {"type": "string"},
        "requestId": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
