"""The JSON Schema of definitions for editors, generated from the models that check them.

It describes shapes: keys, types and bounds. It does not include what only the check finds:
expressions, step names, and edges that lead nowhere.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from engine import JsonObject
from steps.checking.schema_writer import SchemaWriter
from steps.contract.step_type import AnyStepType
from steps.document.bodies import LocalWorkflow
from steps.document.shape import CommonStep, EdgeDocument, WorkflowDocument
from steps.fields.field_specs import FIELD_WORDS, TYPES
from steps.registry import Registry

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ANY_STEP = {"$ref": "#/$defs/any%20step"}
_OWN = ("id", "type", "name", "note")


def definition_schema(registry: Registry) -> JsonObject:
    """Return the schema of a workflow that may use these step types."""
    models: list[type[BaseModel]] = [WorkflowDocument, EdgeDocument, CommonStep, LocalWorkflow]
    models += [kind.settings for kind in registry.all]
    wanted = [(model, "validation") for model in dict.fromkeys(models)]
    made, whole = models_json_schema(wanted, by_alias=True, schema_generator=SchemaWriter)  # type: ignore[arg-type]
    defined: dict[str, Any] = whole["$defs"]
    named = {model: reference["$ref"].rpartition("/")[2] for (model, _), reference in made.items()}
    document = defined.pop(named[WorkflowDocument])
    common = defined.pop(named[CommonStep])
    for kind in registry.all:
        defined[f"step {kind.type}"] = _step(kind, common, defined[named[kind.settings]])
    for settings in {named[kind.settings] for kind in registry.all}:
        defined.pop(settings, None)
    defined["field"] = _field()
    defined["any step"] = _any_step(registry.all)
    local = named[LocalWorkflow]
    defined[local]["properties"]["payload"] = _fields("the fields that a call must give")
    for body in filter(_has_steps, defined.values()):
        _of_body(body["properties"])
    properties = {
        **document["properties"],
        "$schema": {"type": "string"},
        "steps": {**document["properties"]["steps"], "items": _ANY_STEP},
        "workflows": {
            **document["properties"]["workflows"],
            "patternProperties": {
                pattern: {"$ref": f"#/$defs/{local}"}
                for pattern in document["properties"]["workflows"]["patternProperties"]
            },
        },
        "payload": _fields("the fields that a start must give"),
        "defaults": _defaults(registry.all),
    }
    return {
        "$schema": DRAFT,
        "title": "Stepwell workflow definition",
        **{key: item for key, item in document.items() if key != "title"},
        "properties": properties,
        "$defs": defined,
    }


def _has_steps(schema: Mapping[str, Any]) -> bool:
    return "steps" in schema.get("properties", {})


def _of_body(properties: dict[str, Any]) -> None:
    """Copy the schema of a document's steps and edges to its bodies."""
    for key, items in (("steps", _ANY_STEP), ("edges", {"$ref": "#/$defs/EdgeDocument"})):
        for schema in (properties[key], *properties[key].get("anyOf", ())):
            if schema.get("type") == "array":
                schema["items"] = items


def _step(kind: AnyStepType, common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    unused = set(kind.unused) | ({"onInterrupted"} if kind.resumable else set())
    shared = {key: item for key, item in common["properties"].items() if key not in unused}
    properties = {**shared, **own.get("properties", {})}
    properties["type"] = {"const": kind.type}
    if "output" in shared:
        properties["output"] = _fields("the fields that the step delivers into `data`")
    required = [*common["required"], *own.get("required", [])]
    description = (type(kind).__doc__ or "").partition("\n")[0]
    return {
        "type": "object", "description": description, "properties": properties,
        "required": sorted(set(required)), "additionalProperties": False,
    }  # fmt: skip


def _any_step(kinds: Iterable[AnyStepType]) -> dict[str, Any]:
    """Return a step's schema by its type, so that an editor reports what that type lacks."""
    names = [kind.type for kind in kinds]
    return {
        "type": "object",
        "required": ["id", "type"],
        "properties": {"type": {"enum": names}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/step%20{name}"},
            }
            for name in names
        ],
    }


def _defaults(kinds: Iterable[AnyStepType]) -> dict[str, Any]:
    described = {
        kind.type: {
            "type": "object",
            "propertyNames": {"not": {"enum": list(_OWN)}},
            "additionalProperties": True,
        }
        for kind in kinds
    }
    return {
        "description": WorkflowDocument.model_fields["defaults"].description,
        "type": "object", "properties": described, "additionalProperties": False,
    }  # fmt: skip


def _fields(description: str) -> dict[str, Any]:
    return {
        "type": "object", "description": description,
        "additionalProperties": {"$ref": "#/$defs/field"},
    }  # fmt: skip


def _field() -> dict[str, Any]:
    words: dict[str, Any] = dict.fromkeys(sorted(FIELD_WORDS), True)
    return {
        "type": "object",
        "required": ["type"],
        "properties": {
            **words,
            "type": {"enum": list(TYPES)},
            "required": {"type": "boolean"},
            "sensitive": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
