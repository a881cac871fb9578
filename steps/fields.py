"""Field specs, in JSON Schema's words, and values checked against them."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import jsonschema_rs

from engine import Json, JsonObject
from steps.contract import MOST_PROBLEMS, Problem
from steps.nearest import did_you_mean

TYPES = ("string", "number", "integer", "boolean", "object", "array", "file")
_OWN = frozenset({"required", "default", "value"})
_SCHEMA_WORDS = frozenset(
    {
        "type", "description", "title", "enum", "const", "format", "pattern", "minLength",
        "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "items", "minItems", "maxItems", "uniqueItems", "properties", "additionalProperties",
        "examples",
    }
)  # fmt: skip


class Fields:
    """Named fields with their specs, ready to check values.

    Attributes:
        specs: The spec of each field, in JSON Schema's words.
    """

    def __init__(self, specs: Mapping[str, JsonObject]) -> None:
        """Compile specs.

        Args:
            specs: Specs by name, with which `spec_problems` has found nothing wrong.
        """
        self.specs = specs
        self._validators = {name: _validator(spec) for name, spec in specs.items()}

    def check(self, data: Mapping[str, Json], path: str = "data") -> list[Problem]:
        """Find missing fields and wrong values.

        Args:
            data: Values by name; names without a spec are left alone.
            path: What the path of each problem begins with.

        Returns:
            What is wrong, nothing where all is well.
        """
        problems = [
            Problem(f"{path}.{name}", _required(self.specs[name])) for name in self.missing(data)
        ]
        for name, validator in self._validators.items():
            if name in data and not (data[name] is None and self.may_be_null(name)):
                problems += _errors(validator, data[name], f"{path}.{name}")
        return problems

    def may_be_null(self, name: str) -> bool:
        """Say whether a field may be null, which takes back the value that it had."""
        return self.specs[name].get("required", True) is False

    def missing(self, data: Mapping[str, Json]) -> dict[str, JsonObject]:
        """Find what has still to be given.

        Args:
            data: Values by name.

        Returns:
            The specs of required fields that `data` does not have and that have no default.
        """
        return {
            name: spec
            for name, spec in self.specs.items()
            if name not in data and spec.get("required", True) and "default" not in spec
        }

    def with_defaults(self, data: JsonObject) -> JsonObject:
        """Add defaults.

        Args:
            data: Values by name; it is not changed.

        Returns:
            A copy with the defaults of fields that it does not have.
        """
        defaults = {
            name: spec["default"]
            for name, spec in self.specs.items()
            if name not in data and "default" in spec
        }
        return {**data, **defaults}


def spec_problems(specs: Mapping[str, Any], path: str, *, outputs: bool) -> list[Problem]:
    """Find what is wrong with field specs.

    Args:
        specs: Specs by name, as a definition has them.
        path: What the path of each problem begins with.
        outputs: Whether they are those of a step's output, which alone may have a `value`.

    Returns:
        What is wrong, nothing where all is well.
    """
    problems: list[Problem] = []
    for name, spec in specs.items():
        where = f"{path}.{name}"
        if not name or len(name) > 128 or "\0" in name:  # noqa: PLR2004 - a bound
            problems.append(Problem(where, "a field's name must have 1 to 128 characters"))
        if not isinstance(spec, dict):
            problems.append(Problem(where, 'must be an object such as {"type": "string"}'))
            continue
        problems += _spec_problems(spec, where, _OWN if outputs else _OWN - {"value"})
    return problems


def _spec_problems(spec: dict[str, Any], where: str, own: frozenset[str]) -> list[Problem]:
    known = _SCHEMA_WORDS | own
    problems = [
        Problem(f"{where}.{key}", f"is not a known keyword{did_you_mean(key, known)}")
        for key in islice((key for key in spec if key not in known), MOST_PROBLEMS)
    ]
    if spec.get("type") not in TYPES:
        problems.append(Problem(f"{where}.type", f"must be one of {', '.join(TYPES)}"))
    if not isinstance(spec.get("required", True), bool):
        problems.append(Problem(f"{where}.required", "must be true or false"))
    if problems:
        return problems
    for name, nested in (spec.get("properties") or {}).items():
        if isinstance(nested, dict):
            problems += _spec_problems(nested, f"{where}.properties.{name}", own - {"value"})
    if problems:
        return problems
    try:
        validator = _validator(spec)
    except (ValueError, TypeError) as wrong:
        return [Problem(where, f"is not a valid spec: {str(wrong).partition(chr(10))[0]}")]
    if "default" in spec:
        problems += _errors(validator, spec["default"], f"{where}.default")
    return problems


def json_schema(spec: Mapping[str, Any], *, takes_null: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of one field.

    Args:
        spec: The field's spec, which is valid.
        takes_null: Whether optional fields of objects may be null.

    Returns:
        A JSON Schema (2020-12); a file is a string there, its id.
    """
    schema = {key: item for key, item in spec.items() if key in _SCHEMA_WORDS}
    if schema.get("type") == "file":
        schema["type"] = "string"
    if isinstance(spec.get("items"), dict):
        schema["items"] = json_schema(spec["items"], takes_null=takes_null)
    if isinstance(spec.get("properties"), dict):
        nested = spec["properties"]
        schema["properties"] = {
            name: _or_null(json_schema(item, takes_null=takes_null))
            if takes_null and item.get("required", True) is False
            else json_schema(item, takes_null=takes_null)
            for name, item in nested.items()
        }
        schema["required"] = [
            name
            for name, item in nested.items()
            if item.get("required", True) and "default" not in item
        ]
    return schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    own = {key: item for key, item in schema.items() if key != "const"}
    more = {} if values is None else {"enum": [*values, None]}
    return {**own, **more, "type": [schema["type"], "null"]}


def _validator(spec: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json_schema(spec, takes_null=True), validate_formats=True
    )


def _errors(validator: jsonschema_rs.Draft202012Validator, value: Json, path: str) -> list[Problem]:
    found = validator.iter_errors(value)
    problems = [
        Problem(_place(path, error.instance_path), str(error.message)[:300])
        for error in islice(found, MOST_PROBLEMS)
    ]
    if more := sum(1 for _ in found):
        problems.append(Problem(path, f"has {more} more problems of this kind"))
    return problems


def _place(path: str, inside: Iterable[str | int]) -> str:
    return path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inside)


def _required(spec: JsonObject) -> str:
    told = f" ({spec['description']})" if spec.get("description") else ""
    return f"is required: give a value of type {spec['type']}{told}"
