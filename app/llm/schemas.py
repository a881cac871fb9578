"""What a provider can do with a JSON Schema; if nothing, the schema as an instruction in words."""

import json
from collections.abc import Iterator
from typing import Any

from engine import JsonObject

_STRICT_WORDS = frozenset(
    {
        "type", "description", "title", "enum", "const", "properties", "required",
        "additionalProperties", "items", "pattern", "format", "multipleOf", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
    }
)  # fmt: skip
_STRICT_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)


def is_strict(schema: JsonObject) -> bool:
    """Return whether OpenAI's strict mode accepts the schema.

    It requires that objects are closed, that all their properties are required, and that only
    keywords it knows are used.
    """
    return not has_open_part(schema) and all(
        set(part) <= _STRICT_WORDS
        and part.get("format", "date") in _STRICT_FORMATS
        and (
            part.get("type") != "object"
            or (
                part.get("additionalProperties") is False
                and set(part.get("required", ())) == set(part["properties"])
            )
        )
        for part in _parts(schema)
    )


def has_open_part(schema: JsonObject) -> bool:
    """Return whether a part of the schema does not say what is in it.

    Providers that force a model to follow a schema would make that part an empty object.
    """
    return any(
        (part.get("type") == "object" and not part.get("properties"))
        or (part.get("type") == "array" and not part.get("items"))
        or ("type" not in part and "enum" not in part and "const" not in part)
        for part in _parts(schema)
    )


def in_words(schema: JsonObject) -> str:
    """Return an instruction that asks for an answer that fits the schema."""
    return (
        "Answer with one JSON object and nothing else: no prose, no code fence. "
        f"It must fit this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(schema, dict):
        return
    yield schema
    for item in (schema.get("properties") or {}).values():
        yield from _parts(item)
    yield from _parts(schema.get("items"))
