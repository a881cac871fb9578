"""Values are checked against field specs; of many problems the first ones are reported."""

from typing import Any

import pytest

from engine import Json, JsonObject
from steps.checking.check import check_definition
from steps.definition import compile_definition
from steps.fields.field_specs import TYPES, spec_problems
from steps.fields.fields import Fields
from steps.registry import Registry
from tests.harness.counted_work import lines_of

FITTING: dict[str, Json] = {
    "minLength": 1, "maxLength": 9, "pattern": "^a", "format": "date", "minimum": 1, "maximum": 9,
    "exclusiveMinimum": 0, "exclusiveMaximum": 10, "multipleOf": 2, "minItems": 1, "maxItems": 3,
    "uniqueItems": True, "items": {"type": "string"}, "properties": {"a": {"type": "string"}},
    "additionalProperties": False,
}  # fmt: skip
VIOLATING: dict[str, Json] = {
    "minLength": "", "maxLength": "a" * 10, "pattern": "b", "format": "a", "minimum": 0,
    "maximum": 10, "exclusiveMinimum": 0, "exclusiveMaximum": 10, "multipleOf": 3, "minItems": [],
    "maxItems": [1, 2, 3, 4], "uniqueItems": [1, 1], "items": [1], "properties": {"a": 1},
    "additionalProperties": {"b": 1},
}  # fmt: skip


def test_of_many_wrong_items_the_first_are_reported() -> None:
    fields = Fields({"x": {"type": "array", "items": {"type": "string"}}})
    for count in (1_000, 4_000):
        data: dict[str, Json] = {"x": [1] * count}
        problems = fields.check(data)
        assert len(problems) == 51
        assert problems[49].path == "data.x[49]"
        assert problems[50].message == f"has {count - 50} more problems of this kind"


@pytest.mark.parametrize("kind", TYPES)
def test_every_key_that_is_accepted_has_effect(kind: str) -> None:
    for key, value in FITTING.items():
        spec: dict[str, Json] = {"type": kind, key: value}
        found = spec_problems({"x": spec}, "payload", outputs=False)
        if not found:
            assert Fields({"x": spec}).check({"x": VIOLATING[key]}), (kind, key)
            continue
        assert [item.path for item in found] == [f"payload.x.{key}"]
        assert found[0].message.startswith(f"has no effect on a field of type {kind}, only on ")


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ({"type": "string", "options": ["a"]}, "options", "is not a known keyword"),
        ({"type": "string", "format": "emial"}, "format", "did you mean email?"),
        ({"type": "string", "enum": []}, "enum", "one value at least"),
        ({"type": "string", "enum": ["a", 1]}, "enum[1]", "must be a "),
        ({"type": "number", "const": "a"}, "const", "must be a "),
        ({"type": "file", "enum": ["a"]}, "enum", "has no effect on a field of type file"),
        ({"type": "number", "minimum": 5, "maximum": 3}, "minimum", "not be over maximum"),
        ({"type": "array", "items": {"typ": "string"}}, "items.typ", "did you mean type?"),
        ({"type": "array", "items": {"type": "string", "minimum": 1}}, "items.minimum", "no effect"),
        ({"type": "array", "items": {"type": "string", "default": "a"}}, "items.default", "no effect"),
        ({"type": "object", "properties": {"a": "string"}}, "properties.a", "must be an object"),
        ({"type": "object", "properties": ["a"]}, "properties", "must be an object of fields"),
        ({"type": "object", "properties": {"a": {"type": "string", "default": 1}}},
         "properties.a.default", "must be a "),
    ],
)  # fmt: skip
def test_a_key_without_effect_is_refused_with_its_path(
    spec: dict[str, Any], path: str, message: str
) -> None:
    (found,) = spec_problems({"x": spec}, "payload", outputs=False)
    assert found.path == f"payload.x.{path}"
    assert message in found.message


def test_keys_with_an_effect_are_accepted() -> None:
    specs: dict[str, dict[str, Json]] = {
        "choice": {"type": "string", "enum": ["a", None], "required": False, "default": None},
        "any": {"type": "array", "items": {}},
        "few": {"type": "array", "items": {"enum": [1, "a"]}},
        "files": {"type": "object", "additionalProperties": {"type": "file"}},
    }
    assert spec_problems(specs, "payload", outputs=False) == []
    assert Fields(specs).check({"any": [1], "few": [2], "files": {"a": "id"}}) != []


@pytest.mark.parametrize(
    ("spec", "value", "reported"),
    [
        ({"type": "integer"}, "x", 'must be a whole number, not "x"'),
        ({"type": "integer", "required": False}, [], "must be a whole number, not []"),
        ({"type": "boolean"}, "no", 'must be true or false, not "no"'),
        ({"type": "string", "minLength": 1}, "", "must have at least 1 character"),
        ({"type": "string", "maxLength": 2}, "abc", "must have at most 2 characters"),
        ({"type": "string", "pattern": "^[A-Z]+$"}, "a", "must match the pattern ^[A-Z]+$"),
        ({"type": "string", "format": "email"}, "a", "must be an e-mail address"),
        ({"type": "string", "format": "date"}, "a", "must be a date such as 2026-01-31"),
        ({"type": "string", "enum": ["a", "b"]}, "c", 'must be one of "a", "b"'),
        ({"type": "number", "minimum": 1.5}, 1, "must be at least 1.5"),
        ({"type": "number", "exclusiveMaximum": 1}, 1, "must be less than 1"),
        ({"type": "array", "minItems": 1}, [], "must have at least 1 item"),
        ({"type": "array", "uniqueItems": True}, [1, 1], "must not have an item twice"),
        ({"type": "object", "properties": {"x": {"type": "file"}}}, {}, 'lacks "x"'),
        ({"type": "object", "properties": {"x": {"type": "file", "required": False}}, "additionalProperties": False},
         {"y": 1}, 'has "y", which it cannot have'),
    ],
)  # fmt: skip
def test_a_wrong_value_is_explained_in_plain_words(
    spec: JsonObject, value: Json, reported: str
) -> None:
    assert [one.message for one in Fields({"a": spec}).check({"a": value})] == [reported]


def test_defaults_are_filled_in_inside_objects_and_lists() -> None:
    line: dict[str, Json] = {
        "type": "object",
        "properties": {"count": {"type": "integer", "default": 1}},
    }
    fields = Fields({
        "lines": {"type": "array", "items": line},
        "by_name": {"type": "object", "additionalProperties": line},
    })  # fmt: skip
    given: dict[str, Json] = {"lines": [{}, {"count": 2}, "x"], "by_name": {"a": {}, "b": None}}
    assert fields.with_defaults(given) == {
        "lines": [{"count": 1}, {"count": 2}, "x"],
        "by_name": {"a": {"count": 1}, "b": None},
    }


def test_defaults_cost_nothing_for_each_entry_that_an_item_lacks() -> None:
    optional: JsonObject = {f"k{i}": {"type": "string", "required": False} for i in range(100)}
    item: JsonObject = {"type": "object", "properties": {"o": {"type": "object", "properties": optional},
                                             "n": {"type": "integer", "default": 1}}}  # fmt: skip
    fields = Fields({"rows": {"type": "array", "items": item}})
    given: Any = {"rows": [{"o": {}} for _ in range(500)]}
    assert lines_of(lambda: fields.with_defaults(given)) < 500 * 60
    assert fields.with_defaults(given)["rows"] == [{"o": {}, "n": 1}] * 500


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "string", "minimum": 1}, {"type": "string", "format": "dates"},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "array", "items": {"type": "string", "required": True}},
    ],
    ids=str,
)  # fmt: skip
def test_specs_saved_before_a_rule_existed_still_load(spec: dict[str, Json]) -> None:
    assert spec_problems({"x": spec}, "payload", outputs=False) != []
    assert spec_problems({"x": spec}, "payload", outputs=False, stored=True) == []
    step: dict[str, Json] = {"id": "a", "type": "end-flow"}
    document: Json = {"name": "Old", "initialStep": "a", "steps": [step], "payload": {"x": spec}}
    registry = Registry.built_in()
    assert compile_definition(document, registry).name == "Old"
    assert check_definition(document, registry).problems != []


def test_finding_files_grows_with_the_spec_and_the_value() -> None:
    def found(many: int) -> int:
        names = [f"f{number}" for number in range(many)]
        deep: dict[str, Json] = {name: {"type": "file"} for name in names}
        spec: dict[str, dict[str, Json]] = {
            **{name: {"type": "file"} for name in names},
            "list": {"type": "array", "items": {"type": "object", "properties": deep}},
        }
        fields = Fields(spec)
        data: dict[str, Json] = {**dict.fromkeys(names, "id"), "list": [dict.fromkeys(names, "id")]}
        assert len([*fields.file_ids(data)]) == 2 * many
        return lines_of(lambda: [*Fields(spec).file_ids(data)])

    assert found(400) < 5 * found(100)
