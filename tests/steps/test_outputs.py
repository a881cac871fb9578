"""Optional declared fields: their values, and their removal by later visits."""

from typing import Any

import pytest

from engine import Json, JsonObject
from steps.contract.step_type import Done, StepBroke
from steps.definition import compile_definition
from steps.document.outputs import deliver
from steps.fields.fields import Fields
from steps.registry import Registry

OPTIONAL: JsonObject = {"type": "number", "required": False}


def delivered(output: JsonObject, specs: JsonObject, **scope: Any) -> JsonObject:
    document: Json = {
        "id": "w", "name": "W", "initialStep": "f",
        "steps": [{"id": "f", "type": "collect-inputs", "output": specs}, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "f", "to": "end"}],
    }  # fmt: skip
    step = compile_definition(document, Registry.standard()).steps["f"]
    return deliver(step, Done(output), {"data": {}, **scope})[1]


@pytest.mark.parametrize(("spec", "fits"), [
    (OPTIONAL, True), ({"type": "number"}, False), ({"type": "number", "default": 1}, False),
    ({**OPTIONAL, "default": 1}, True), ({"type": "string", "enum": ["a"], "required": False}, True),
])  # fmt: skip
def test_null_fits_where_a_field_is_optional(spec: JsonObject, fits: bool) -> None:
    assert (not Fields({"a": spec}).check({"a": None})) is fits


@pytest.mark.parametrize("word", [{}, {"enum": [1, 2]}, {"const": 1}])
def test_null_fits_also_inside_an_object(word: JsonObject) -> None:
    inside: JsonObject = {
        "type": "object",
        "properties": {"a": {**OPTIONAL, **word}, "b": {"type": "number"}},
    }
    listed: JsonObject = {"type": "array", "items": inside}
    for spec, wrap in ((inside, lambda x: x), (listed, lambda x: [x])):
        assert not Fields({"o": spec}).check({"o": wrap({"a": None, "b": 1})})
        assert not Fields({"o": spec}).check({"o": wrap({"a": 1, "b": 1})})
        assert Fields({"o": spec}).check({"o": wrap({"a": "x", "b": 1})})
        assert Fields({"o": spec}).check({"o": wrap({"a": 1, "b": None})})


def test_a_field_that_a_later_visit_omits_is_removed() -> None:
    specs: JsonObject = {
        "amount": {"type": "number"},
        "discount": OPTIONAL,
        "rate": {**OPTIONAL, "default": 2},
    }
    first: JsonObject = {"amount": 1}
    assert delivered(first, specs) == {"amount": 1, "rate": 2}
    again = delivered({"amount": 2}, specs, steps={"f": {"output": {"amount": 1, "discount": 5}}})
    assert again == {"amount": 2, "discount": None, "rate": 2}
    other = delivered({"amount": 2}, specs, steps={"other": {"output": {"discount": 5}}})
    assert other == {"amount": 2, "rate": 2}


def test_a_required_field_is_required_in_every_visit() -> None:
    with pytest.raises(StepBroke):
        delivered({}, {"amount": {"type": "number"}}, steps={"f": {"output": {"amount": 1}}})
