"""`/openapi.json`: made from the endpoints and from the models that check requests."""

import re
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from app.web.api.answers import ANSWERS, OTHER_MEDIA
from app.web.endpoint import Endpoint
from app.web.errors import TABLE
from steps.durations import duration_text

_REFERENCE = "#/components/schemas/{model}"
_NO_CONTENT = 204


class _Schemas(GenerateJsonSchema):
    """Writes the default of a duration as the text that is sent, not as milliseconds."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a field with a default."""
        made = super().default_schema(schema)
        if made.get("type") == "string" and isinstance(made.get("default"), int):
            made["default"] = duration_text(made["default"])
        return made


def openapi(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the API."""
    models = sorted({e.body for e in endpoints if e.body}, key=lambda model: model.__name__)
    asked = [(model.__name__, TypeAdapter(model)) for model in models]
    given = [
        (endpoint.operation, TypeAdapter(ANSWERS[endpoint.operation]))
        for endpoint in endpoints
        if endpoint.operation in ANSWERS
    ]
    made, schemas = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in [*asked, *given]],
        ref_template=_REFERENCE,
        schema_generator=_Schemas,
    )
    defined = schemas.get("$defs", {})
    answers = {}
    for name, _ in given:
        schema = made[name, "validation"]
        answers[name] = {"schema": schema, "example": _example(schema, defined)}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, answers)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stepwell Workflow API", "version": version("stepwell")},
        "paths": paths,
        "components": {
            "schemas": {**defined, "Error": _ERROR},
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "tenant": {"type": "apiKey", "in": "header", "name": "x-tenant-id"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
        "security": [{"apiKey": [], "tenant": []}, {"token": []}],
    }


def _operation(endpoint: Endpoint, answers: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    query = endpoint.query.model_json_schema(schema_generator=_Schemas)
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
            **{str(status): _answer(endpoint, status, answers) for status in endpoint.answers},
            **{str(status): _failure(word) for _, status, word in reversed(TABLE)},
        },
    }
    if endpoint.body:
        operation["requestBody"] = {"content": _content(endpoint)}
    return operation


def _answer(endpoint: Endpoint, status: int, answers: dict[str, Any]) -> dict[str, Any]:
    if status == _NO_CONTENT:
        return {"description": "Nothing more will come"}
    if media := OTHER_MEDIA.get(endpoint.operation):
        return {"description": "The answer", "content": {media: {"schema": {"type": "string"}}}}
    content = {"application/json": answers[endpoint.operation]}
    return {"description": "The answer", "content": content}


def _example(schema: dict[str, Any], defined: dict[str, Any]) -> Any:
    """Return a value that a schema describes, made from the examples of its parts."""
    if "$ref" in schema:
        return _example(defined[schema["$ref"].rpartition("/")[2]], defined)
    for word in ("examples", "enum", "anyOf"):
        if word in schema:
            first = schema[word][0]
            return _example(first, defined) if word == "anyOf" else first
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {}).items()
            wanted = schema.get("required", [])
            return {name: _example(part, defined) for name, part in parts if name in wanted}
        case "array":
            return [_example(schema["items"], defined)]
        case "string":
            return "text"
        case "integer" | "number":
            return 1
        case "boolean":
            return True
    return {"success": True}


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
