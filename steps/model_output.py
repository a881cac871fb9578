"""Declared output fields as a schema for a model, and its answer read against them."""

import re
from collections.abc import Mapping
from typing import Any

from engine import Json, JsonObject
from steps.chat import ChatAnswer
from steps.contract import Problem, StepBroke
from steps.fields import Fields, json_schema
from steps.strict_json import parse_strictly

_EXCERPT = 300
_FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\s*```\s*", re.DOTALL)


def fields_to_fill(output: Mapping[str, JsonObject]) -> dict[str, JsonObject]:
    """Return the declared fields that have no `value` template, which the model must fill."""
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
    """Return the fields that an answer holds, and what is wrong with it.

    A code fence around the JSON is tolerated; so are other keys, which are left out, and null
    for a field that need not be there.
    """
    fenced = _FENCE.fullmatch(text)
    try:
        value = parse_strictly(fenced[1] if fenced else text)
    except ValueError as wrong:
        return {}, [Problem("", f"the answer is not JSON: {str(wrong)[:200]}")]
    if not isinstance(value, dict):
        return {}, [Problem("", "the answer must be a JSON object")]
    return fitted(value, specs)


def fitted(value: JsonObject, specs: Mapping[str, JsonObject]) -> tuple[JsonObject, list[Problem]]:
    """Return the fields that an object holds, and what is wrong with them."""
    found = {
        name: value[name]
        for name, spec in specs.items()
        if name in value and (value[name] is not None or _is_required(spec))
    }
    fields = Fields(specs)
    return fields.with_defaults(found), fields.check(found, path="output")


def usable(answer: ChatAnswer) -> ChatAnswer:
    """Return the answer. Raises `StepBroke` for one that was refused or cut off."""
    if answer.finish == "refusal":
        told = answer.text[:_EXCERPT] or "(it gave no reason)"
        raise StepBroke("Refused", f"the model refused to answer: {told}", retryable=False)
    if answer.finish == "length":
        message = (
            f"the answer was cut off after {answer.output_tokens} tokens; raise maxTokens of the "
            "step, the agent or the model"
        )
        raise StepBroke("CutOff", message, retryable=False)
    return answer


def _is_required(spec: Mapping[str, Any]) -> bool:
    return bool(spec.get("required", True)) and "default" not in spec


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Close objects that say which properties they have, as models answer best."""
    closed = dict(schema)
    if closed.get("properties"):
        closed["properties"] = {name: _closed(part) for name, part in closed["properties"].items()}
        closed.setdefault("additionalProperties", False)
    if isinstance(closed.get("items"), dict):
        closed["items"] = _closed(closed["items"])
    return closed
