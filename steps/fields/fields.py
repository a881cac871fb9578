"""Field specs in the terms of JSON Schema, and the check of values against them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from engine import Json, JsonObject
from steps.contract.step_type import MOST_PROBLEMS, Problem
from steps.fields.wrong_values import KINDS, message_of

_OWN_KEYS = frozenset({"required", "default", "value", "sensitive", "choices"})
"""Keys of a field spec that JSON Schema does not have, or has with another meaning."""

LIMITS = ("minimum", "maximum", "minItems", "maxItems")
"""Keys that may be a template in a field for a person; they apply when they give a number."""


class Fields:
    """Named fields with their specs, ready to check values.

    Attributes:
        specs: The spec of each field, in the terms of JSON Schema.
        has_defaults: Whether a field, or something inside one, has a default.
        has_files: Whether a field, or something inside one, is the id of a file.
        optional: The fields that may be left out and may therefore be null.
    """

    def __init__(self, specs: Mapping[str, JsonObject]) -> None:
        """Compile specs.

        Args:
            specs: Specs by name in which `spec_problems` has found no problem.
        """
        self.specs = specs
        self._validators = {name: validator_of(spec) for name, spec in specs.items()}
        inner = {name: _defaults_in(spec) for name, spec in specs.items()}
        self._inner_defaults = {name: inside for name, inside in inner.items() if inside}
        files = {name: _files_in(spec) for name, spec in specs.items()}
        self._files = {name: inside for name, inside in files.items() if inside is not None}
        self.has_files = bool(self._files)
        self.has_defaults = bool(self._inner_defaults) or any(
            "default" in spec for spec in specs.values()
        )
        self.optional = tuple(
            name for name, spec in specs.items() if spec.get("required", True) is False
        )
        self._required = {
            name: spec
            for name, spec in specs.items()
            if spec.get("required", True) and "default" not in spec
        }

    def check(self, data: Mapping[str, Json], path: str = "data") -> list[Problem]:
        """Find missing fields and wrong values.

        Args:
            data: Values by name; names without a spec are ignored.
            path: The prefix of each problem's path.

        Returns:
            The problems; empty if there are none.
        """
        problems = []
        for name, spec in self._required.items():
            if name not in data:
                problems.append(Problem(f"{path}.{name}", _required(spec)))
        for name, validator in self._validators.items():
            if name not in data or validator.is_valid(data[name]):
                continue
            if not (data[name] is None and self.may_be_null(name)):
                problems += value_problems(validator, data[name], f"{path}.{name}")
        return problems

    def file_ids(self, data: Mapping[str, Json], path: str = "data") -> Iterator[tuple[str, str]]:
        """Return the path and the id of each file in values, also inside lists and objects."""
        for name, files in self._files.items():
            yield from _file_ids(files, data.get(name), f"{path}.{name}")

    @property
    def sensitive(self) -> frozenset[str]:
        """The names of the fields whose values are hidden from everybody."""
        return frozenset(name for name, spec in self.specs.items() if spec.get("sensitive"))

    def may_be_null(self, name: str) -> bool:
        """Return whether a field may be null, which removes the value that it had."""
        return self.specs[name].get("required", True) is False

    def missing(self, data: Mapping[str, Json]) -> dict[str, JsonObject]:
        """Find the fields that are still required.

        Args:
            data: Values by name.

        Returns:
            The specs of required fields that `data` does not have and that have no default.
        """
        return {name: spec for name, spec in self._required.items() if name not in data}

    def with_defaults(self, data: JsonObject) -> JsonObject:
        """Add defaults.

        Args:
            data: Values by name; it is not changed.

        Returns:
            A copy with the defaults of missing fields, also inside objects.
        """
        if not self.has_defaults:
            return {**data}
        inner = {
            name: _filled(inside, data[name])
            for name, inside in self._inner_defaults.items()
            if name in data
        }
        missing = {
            name: spec["default"]
            for name, spec in self.specs.items()
            if name not in data and "default" in spec
        }
        return {**data, **inner, **missing}


def json_schema(spec: Mapping[str, Any], *, takes_null: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of one field.

    Args:
        spec: The field's spec, which is valid.
        takes_null: Whether optional fields of objects may be null.

    Returns:
        A JSON Schema (2020-12); a file is a string there, its id.
    """
    schema = {
        key: item
        for key, item in spec.items()
        if key not in _OWN_KEYS and not (key in LIMITS and isinstance(item, str))
    }
    if schema.get("type") == "file":
        schema["type"] = "string"
    for key in ("items", "additionalProperties"):
        if isinstance(spec.get(key), dict):
            schema[key] = json_schema(spec[key], takes_null=takes_null)
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


class _Files(NamedTuple):
    """Where a value has ids of files: in its items, its named entries, its other entries."""

    items: "_Files | None"
    named: "Mapping[str, _Files | None]"
    others: "_Files | None"


def _files_in(spec: Any) -> _Files | None:
    """Return where values of this spec have ids of files, so that no item looks at it again."""
    if not isinstance(spec, dict):
        return None
    named = {name: _files_in(inner) for name, inner in (spec.get("properties") or {}).items()}
    found = _Files(_files_in(spec.get("items")), named, _files_in(spec.get("additionalProperties")))
    holds_any = spec.get("type") == "file" or found.items or found.others or any(named.values())
    return found if holds_any else None


def _file_ids(files: _Files | None, value: Json, path: str) -> Iterator[tuple[str, str]]:
    if files is None:
        return
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _file_ids(files.items, item, f"{path}[{place}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _file_ids(files.named.get(name, files.others), item, f"{path}.{name}")


class _Defaults(NamedTuple):
    """The defaults of an object's named entries, and those further inside a value."""

    own: Mapping[str, Json]
    items: "_Defaults | None"
    named: "Mapping[str, _Defaults | None]"
    others: "_Defaults | None"


def _defaults_in(spec: Any) -> _Defaults | None:
    """Return the defaults inside values of this spec, so that no item looks at it again."""
    if not isinstance(spec, dict):
        return None
    nested = spec.get("properties") or {}
    own = {
        name: inner["default"]
        for name, inner in nested.items()
        if isinstance(inner, dict) and "default" in inner
    }
    named = {name: _defaults_in(inner) for name, inner in nested.items()}
    others = _defaults_in(spec.get("additionalProperties"))
    found = _Defaults(own, _defaults_in(spec.get("items")), named, others)
    has_any = own or found.items or found.others or any(named.values())
    return found if has_any else None


def _filled(defaults: _Defaults | None, value: Json) -> Json:
    """Return a value with the defaults inside it."""
    if defaults is None:
        return value
    if isinstance(value, list):
        return [_filled(defaults.items, item) for item in value]
    if isinstance(value, dict):
        given = {
            name: _filled(defaults.named.get(name, defaults.others), item)
            for name, item in value.items()
        }
        return {**given, **{key: item for key, item in defaults.own.items() if key not in value}}
    return value


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    own = {key: item for key, item in schema.items() if key != "const"}
    more = {} if values is None else {"enum": [*values, None]}
    return {**own, **more, "type": [schema["type"], "null"]}


def validator_of(spec: Mapping[str, Any]) -> Any:
    """Return a validator for values of a field. Raises `ValueError` if the spec is not valid."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(
        json_schema(spec, takes_null=True), validate_formats=True
    )


def value_problems(validator: Any, value: Json, path: str) -> list[Problem]:
    """Return the first problems that `validator_of` finds in a value, and how many more."""
    found = validator.iter_errors(value)
    problems = [
        Problem(place_in(path, error.instance_path), message_of(error))
        for error in islice(found, MOST_PROBLEMS)
    ]
    if more := sum(1 for _ in found):
        problems.append(Problem(path, f"has {more} more problems of this kind"))
    return problems


def place_in(path: str, inside: Iterable[str | int]) -> str:
    """Return the path of something inside the value at `path`."""
    return path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inside)


def _required(spec: JsonObject) -> str:
    meaning = f" ({spec['description']})" if spec.get("description") else ""
    return f"is required: give {KINDS[str(spec['type'])]}{meaning}"
