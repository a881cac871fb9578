"""Says what is wrong with a value, for a person who filled in a form or wrote a request."""

import json
from typing import Any

KINDS = {
    "string": "a text", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "object": "an object", "array": "a list", "file": "a file",
    "null": "null",
}  # fmt: skip
"""What the types of fields are called."""

_FORMATS = {
    "date": "a date such as 2026-01-31",
    "date-time": "a date with a time and a zone, such as 2026-01-31T12:00:00Z",
    "time": "a time with a zone, such as 12:00:00Z",
    "duration": "a duration such as PT30M",
    "email": "an e-mail address",
    "idn-email": "an e-mail address",
    "hostname": "the name of a host",
    "idn-hostname": "the name of a host",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "uri": "a whole address such as https://example.com/",
    "iri": "a whole address such as https://example.com/",
    "uuid": "a UUID",
    "regex": "a regular expression",
}
_WORDINGS = {
    "minimum": "must be at least {0}",
    "maximum": "must be at most {0}",
    "exclusiveMinimum": "must be more than {0}",
    "exclusiveMaximum": "must be less than {0}",
    "multipleOf": "must be a multiple of {0}",
    "minLength": "must have at least {0} characters",
    "maxLength": "must have at most {0} characters",
    "minItems": "must have at least {0} items",
    "maxItems": "must have at most {0} items",
    "minProperties": "must have at least {0} entries",
    "maxProperties": "must have at most {0} entries",
    "uniqueItems": "must not have an item twice",
    "required": "lacks {0}",
    "pattern": "must match the pattern {0}",
    "const": "must be {0}",
}
_ONE = {"characters": "character", "items": "item", "entries": "entry"}
_LONGEST = 300
_SHOWN = 80


def message_of(error: Any) -> str:
    """Return the message of an error of a JSON Schema validator."""
    kind = error.kind
    match kind.name:
        case "type":
            types = sorted(kind.value, key="null".__eq__)  # null is the last
            said = f"must be {' or '.join(KINDS.get(one, one) for one in types)}, not "
            return said + shown(error.instance)
        case "format":
            return f"must be {_FORMATS.get(kind.value, f'in the format {kind.value}')}"
        case "enum":
            return f"must be one of {', '.join(map(_json, kind.value))}"[:_LONGEST]
        case "additionalProperties":
            named = ", ".join(map(_json, kind.value))
            return f"has {named}, which it cannot have"[:_LONGEST]
        case name if name in _WORDINGS:
            limit = kind.value if name == "pattern" else _json(kind.value)
            said = _WORDINGS[name].format(limit)
            words = said.rpartition(" ")
            if kind.value == 1 and words[2] in _ONE:
                said = f"{words[0]} {_ONE[words[2]]}"
            return said[:_LONGEST]
    return str(error.message)[:_LONGEST]


def shown(value: Any) -> str:
    """Return a value as JSON, shortened."""
    text = _json(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
