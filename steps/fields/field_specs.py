"""Checks field specs: every key must have an effect on values of the declared type."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from steps.contract.step_type import MOST_PROBLEMS, Problem
from steps.fields.fields import LIMITS, place_in, validator_of, value_problems
from steps.fields.fields_from_data import from_data_problems, plain_specs
from steps.fields.wrong_values import message_of
from steps.language.nearest import did_you_mean

TYPES = ("string", "number", "integer", "boolean", "object", "array", "file")
_ALWAYS = frozenset({"type", "title", "description", "examples", "required", "default"})
_NAMED = frozenset({"required", "default"})
"""Keys of a named field only; an item of a list has none, and needs no type either."""

_OF_OUTPUTS = frozenset({"value", "sensitive"})
_VALUES = frozenset({"enum", "const"})
_OF_TEXT = frozenset({"format", "pattern", "minLength", "maxLength"})
_OF_NUMBERS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
_OF_LISTS = frozenset({"items", "minItems", "maxItems", "uniqueItems"})
_OF_OBJECTS = frozenset({"properties", "additionalProperties"})
_BY_TYPE = {
    "string": _OF_TEXT | _VALUES,
    "number": _OF_NUMBERS | _VALUES,
    "integer": _OF_NUMBERS | _VALUES,
    "boolean": _VALUES,
    "object": _OF_OBJECTS | _VALUES,
    "array": _OF_LISTS | _VALUES,
    "file": frozenset[str](),
}
_KNOWN = _ALWAYS | frozenset[str]().union(*_BY_TYPE.values())
FIELD_WORDS = _KNOWN | _OF_OUTPUTS | {"choices"}
"""The keys that the spec of a field may have."""

_FORMATS = (
    "date", "date-time", "time", "duration", "email", "idn-email", "hostname", "idn-hostname",
    "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uri-template", "uuid",
    "json-pointer", "relative-json-pointer", "regex",
)  # fmt: skip
_BOUNDS = (("minLength", "maxLength"), ("minimum", "maximum"), ("minItems", "maxItems"))
_LONGEST_NAME = 128
_NO_SCHEMA = (
    "is a JSON Schema; here each field stands by its name, what is in `properties` alone, and "
    'one that may be left out has `"required": false`'
)


_CALLED = {
    "int": "integer", "long": "integer", "float": "number", "double": "number", "decimal": "number",
    "str": "string", "text": "string", "bool": "boolean", "dict": "object", "map": "object",
    "json": "object", "list": "array", "select": "string with enum", "enum": "string with enum",
    "date": "string with format date", "datetime": "string with format date-time",
    "email": "string with format email", "url": "string with format uri",
}  # fmt: skip
"""The names of field types in other engines."""


_KEYWORDS = {
    "optional": "; a field that may be left out has `required` false",
    "nullable": "; a field that may be null has `required` false",
    "min": "; here it is minimum, minLength or minItems",
    "max": "; here it is maximum, maxLength or maxItems",
    "options": "; here it is enum", "values": "; here it is enum", "choices": "; here it is enum",
    "label": "; here it is title", "regex": "; here it is pattern",
}  # fmt: skip


def _called(kind: object) -> str:
    instead = _CALLED.get(kind.lower().replace("-", "")) if isinstance(kind, str) else None
    return f"; here it is {instead}" if instead else ""


def spec_problems(
    specs: Mapping[str, Any], path: str, *, outputs: bool, stored: bool = False, asked: bool = False
) -> list[Problem]:
    """Find the problems of field specs.

    Args:
        specs: Specs by name, as a definition has them.
        path: The prefix of each problem's path.
        outputs: Whether they belong to a step's output; only those may have a `value`.
        stored: Report only what makes the specs unusable. Definitions that were saved before a rule
            existed keep running, and the keys without effect are ignored.
        asked: Whether a person is asked for them, with choices and limits from data.

    Returns:
        The problems; empty if there are none.
    """
    problems: list[Problem] = []
    if asked:
        problems += from_data_problems(specs, path)
        specs = plain_specs(specs)
    for name, spec in specs.items():
        where = f"{path}.{name}"
        if not name or len(name) > _LONGEST_NAME or "\0" in name:
            problems.append(Problem(where, "a field's name must have 1 to 128 characters"))
        always = _ALWAYS | _OF_OUTPUTS if outputs else _ALWAYS
        found = _shape_problems(spec, where, always, stored=stored)
        found = found or _validity_problems(spec, where)
        problems += found or ([] if stored else _unfit_values(spec, where))
    if problems and _is_schema(specs):
        return [Problem(path, _NO_SCHEMA)]
    return problems


def _is_schema(specs: Mapping[str, Any]) -> bool:
    """Return whether there is a JSON Schema in the place of fields by name."""
    return specs.get("type") == "object" and isinstance(specs.get("properties"), dict)


def _shape_problems(
    spec: Any, where: str, always: frozenset[str], *, stored: bool
) -> list[Problem]:
    """Find unknown keys and, unless the specs are stored, keys without effect, at all levels."""
    if not isinstance(spec, dict):
        return [Problem(where, 'must be an object such as {"type": "string"}')]
    kind = spec.get("type")
    problems = []
    if kind not in TYPES and ("type" in spec or always >= _NAMED):
        problems.append(
            Problem(f"{where}.type", f"must be one of {', '.join(TYPES)}{_called(kind)}")
        )
    fitting = always | (_BY_TYPE[kind] if kind in TYPES and not stored else _KNOWN)
    unfit = (key for key in spec if key not in fitting)
    problems += [
        Problem(f"{where}.{key}", _unfit(key, str(kind), always))
        for key in islice(unfit, MOST_PROBLEMS)
    ]
    problems += [
        Problem(f"{where}.{key}", "must be a number; a template may stand here only in a field "
                "of a collect-inputs step")
        for key in LIMITS if isinstance(spec.get(key), str)
    ]  # fmt: skip
    if "required" in spec and not isinstance(spec["required"], bool):
        problems.append(Problem(f"{where}.required", "must be true or false"))
    if "sensitive" in spec and "sensitive" in always:
        problems += _sensitive_problems(spec, where)
    if not stored:
        problems += _rule_problems(spec, where, fitting)
    return problems or _problems_inside(spec, where, stored=stored)


def _rule_problems(spec: dict[str, Any], where: str, fitting: frozenset[str]) -> list[Problem]:
    """Find values of keys that no value of the field could satisfy."""
    problems: list[Problem] = []
    named_format = spec.get("format")
    if "format" in fitting and "format" in spec and named_format not in _FORMATS:
        nearest = did_you_mean(str(named_format), _FORMATS)
        problems.append(Problem(f"{where}.format", f"is not a known format{nearest}"))
    if spec.get("enum") == []:
        problems.append(Problem(f"{where}.enum", "must have one value at least"))
    for least, most in _BOUNDS:
        if _is_beyond(spec.get(least), spec.get(most)):
            problems.append(Problem(f"{where}.{least}", f"must not be over {most}"))
    return problems


def _sensitive_problems(spec: dict[str, Any], where: str) -> list[Problem]:
    if not isinstance(spec["sensitive"], bool):
        return [Problem(f"{where}.sensitive", "must be true or false")]
    if spec["sensitive"] and "default" in spec:
        return [Problem(f"{where}.default", "would be visible, and the field is sensitive")]
    return []


def _is_beyond(least: Any, most: Any) -> bool:
    return isinstance(least, int | float) and isinstance(most, int | float) and least > most


def _unfit(key: str, kind: str, always: frozenset[str]) -> str:
    types = [name for name, keys in _BY_TYPE.items() if key in keys]
    if types:
        return f"has no effect on a field of type {kind}, only on {' and '.join(types)}"
    if key in _NAMED:
        return "has no effect here, only on a named field"
    hint = _KEYWORDS.get(key.lower())
    return f"is not a known keyword{hint or did_you_mean(key, _KNOWN | always)}"


def _problems_inside(spec: dict[str, Any], where: str, *, stored: bool) -> list[Problem]:
    problems: list[Problem] = []
    nested = spec.get("properties", {})
    if not isinstance(nested, dict):
        return [Problem(f"{where}.properties", "must be an object of fields by name")]
    for name, inner in nested.items():
        problems += _shape_problems(inner, f"{where}.properties.{name}", _ALWAYS, stored=stored)
    for key in ("items", "additionalProperties") if not stored else ():
        if key in spec and not isinstance(spec[key], bool):
            place = f"{where}.{key}"
            problems += _shape_problems(spec[key], place, _ALWAYS - _NAMED, stored=stored)
    return problems


def _validity_problems(spec: dict[str, Any], where: str) -> list[Problem]:
    """Check whether a spec is valid as a whole, including its default."""
    import jsonschema_rs

    try:
        validator = validator_of(spec)
    except jsonschema_rs.ValidationError as wrong:
        return [Problem(place_in(where, wrong.instance_path), message_of(wrong))]
    except (ValueError, TypeError, AttributeError) as wrong:
        return [Problem(where, f"is not a valid spec: {str(wrong).partition(chr(10))[0]}")]
    if "default" in spec and not (spec.get("required") is False and spec["default"] is None):
        return value_problems(validator, spec["default"], f"{where}.default")
    return []


def _unfit_values(spec: dict[str, Any], where: str) -> list[Problem]:
    problems: list[Problem] = []
    may_be_null = spec.get("required") is False
    if "default" in spec and not (may_be_null and spec["default"] is None):
        problems += value_problems(validator_of(spec), spec["default"], f"{where}.default")
    if _VALUES & spec.keys():
        free = validator_of({key: item for key, item in spec.items() if key not in _VALUES})
        for path, value in _choices(spec, where):
            if not (may_be_null and value is None):
                problems += value_problems(free, value, path)
            if len(problems) >= MOST_PROBLEMS:
                break
    for name, inner in spec.get("properties", {}).items():
        problems += _unfit_values(inner, f"{where}.properties.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(spec.get(key), dict):
            problems += _unfit_values(spec[key], f"{where}.{key}")
    return problems


def _choices(spec: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    if "const" in spec:
        yield f"{where}.const", spec["const"]
    for index, value in enumerate(spec.get("enum", ())):
        yield f"{where}.enum[{index}]", value
