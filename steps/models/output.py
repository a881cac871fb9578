"""Turns declared output fields into a schema for a model, and reads its answer by them."""

from collections.abc import Mapping
from typing import Any

from engine import Json, JsonObject
from steps.contract.step_type import Problem, StepBroke
from steps.effects.chat import ChatAnswer
from steps.fields.fields import Fields, json_schema
from steps.models.json_objects import objects_in

_EXCERPT = 300


def fields_to_fill(output: Mapping[str, JsonObject]) -> dict[str, JsonObject]:
    """Return the declared fields without a `value` template, which the model must fill."""
    return {name: spec for name, spec in output.items() if "value" not in spec}


def schema_of(specs: Mapping[str, JsonObject]) -> JsonObject:
    """Return the JSON Schema of an object with these fields and no others."""
    required: list[Json] = [name for name, spec in specs.items() if _is_required(spec)]
    return {
        "type": "object",
        "properties": {name: _closed(json_schema(spec)) for name, spec in specs.items()},
        "required": required,
        "additionalProperties": False,
    }


def read_answer(text: str, specs: Mapping[str, JsonObject]) -> tuple[JsonObject, list[Problem]]:
    """Return the fields in an answer, and the problems of the answer.

    Words or a code fence around the JSON are tolerated. Other keys are left out, and so is null for
    an optional field; one object around all fields is removed. If there are several objects,
    exactly one must fit, because guessing is not safe.
    """
    try:
        objects = objects_in(text)
    except ValueError as wrong:
        return {}, [Problem("", str(wrong))]
    fields, fitting = Fields(specs), list[JsonObject]()
    for value in objects:
        found = _unwrapped(value, fields)
        if found is not None and found not in fitting:
            fitting.append(found)
    if len(fitting) == 1:
        return fitting[0], []
    if fitting:
        return {}, [Problem("", "the answer holds several JSON objects; answer with one")]
    return _fitted(objects[-1], fields)


def _unwrapped(value: JsonObject, fields: Fields) -> "JsonObject | None":
    """Return the fields of an object, or of the only object inside it that has them, or None."""
    found, problems = _fitted(value, fields)
    if not problems:
        return found
    if value.keys() & fields.specs.keys():
        return None
    inner = (_fitted(item, fields) for item in value.values() if isinstance(item, dict))
    fitting = [given for given, wrong in inner if not wrong]
    return fitting[0] if len(fitting) == 1 else None


def fitted(value: JsonObject, specs: Mapping[str, JsonObject]) -> tuple[JsonObject, list[Problem]]:
    """Return the fields in an object, and its problems."""
    return _fitted(value, Fields(specs))


def _fitted(value: JsonObject, fields: Fields) -> tuple[JsonObject, list[Problem]]:
    found = {
        name: value[name]
        for name, spec in fields.specs.items()
        if name in value and (value[name] is not None or _is_required(spec))
    }
    return fields.with_defaults(found), fields.check(found, path="output")


def usable(answer: ChatAnswer) -> ChatAnswer:
    """Return the answer. Raises `StepBroke` if it is a refusal or was cut off."""
    if answer.finish == "refusal":
        reason = answer.text[:_EXCERPT] or "(it gave no reason)"
        raise StepBroke("Refused", f"the model refused to answer: {reason}", retryable=False)
    if answer.finish == "context":
        message = (
            f"the answer was cut off at the end of the model's context, after "
            f"{answer.usage.input_tokens} tokens in and {answer.usage.output_tokens} out; give it "
            "shorter files and results, or use a model with a longer context"
        )
        raise StepBroke("ContextTooLong", message, retryable=False)
    if answer.finish == "length":
        message = (
            f"the answer was cut off after {answer.usage.output_tokens} tokens; raise maxTokens of "
            "the step, the agent or the model"
        )
        raise StepBroke("CutOff", message, retryable=False)
    return answer


def excerpt(text: str) -> str:
    """Return the beginning of a model's text, for a message."""
    plain = " ".join(text[: 4 * _EXCERPT].split())
    return f"{plain[:_EXCERPT]}..." if len(plain) > _EXCERPT else plain or "(nothing)"


def _is_required(spec: Mapping[str, Any]) -> bool:
    return bool(spec.get("required", True)) and "default" not in spec


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Close objects with declared properties, which gives the best answers from models."""
    closed = dict(schema)
    if closed.get("properties"):
        closed["properties"] = {name: _closed(part) for name, part in closed["properties"].items()}
        closed.setdefault("additionalProperties", False)
    if isinstance(closed.get("items"), dict):
        closed["items"] = _closed(closed["items"])
    return closed
