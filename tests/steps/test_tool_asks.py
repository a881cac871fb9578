"""Forms for the questions of tools, also from odd and hostile schemas."""

from typing import Any

import pytest

from steps.fields.fields import Fields
from steps.tools.asks import ToolAsks, asking, fields_of


def schema(**properties: Any) -> Any:
    return {"type": "object", "properties": properties, "required": [*properties]}


def test_a_schema_becomes_fields() -> None:
    found = fields_of(
        schema(
            size={"type": "string", "oneOf": [{"const": "s", "title": "Small"}, {"const": "l"}]},
            days={"type": "array", "items": {"anyOf": [{"const": "mon"}, {"const": "tue"}]}},
            note={"type": ["null", "string"], "title": None, "x-odd": 1},
        )
    )
    assert found["size"] == {"type": "string", "enum": ["s", "l"], "required": True}
    assert found["days"]["items"] == {"type": "string", "enum": ["mon", "tue"]}
    assert found["note"] == {"type": "string", "required": True}
    assert not Fields(found).check({"size": "l", "days": ["mon"], "note": ""})
    assert Fields(found).check({"size": "xl", "days": ["mon"], "note": ""})


@pytest.mark.parametrize(
    "property_",
    [
        {"type": "weird"},
        {"type": "string", "pattern": "("},
        {"type": "string", "minLength": "x"},
        {"type": "integer", "minimum": "a"},
        {"type": "string", "title": 5},
        {"type": "string", "enum": "x"},
        {"type": "string", "description": "x" * 60_000},
        {"type": {"a": 1}},
    ],
)
def test_a_schema_that_no_form_can_show_fails_the_call(property_: Any) -> None:
    asked = asking("web.book", {"message": "?", "schema": schema(a=property_)})
    assert (type(asked) is ToolAsks, asked.error.type) == (False, "InvalidToolResult")
    assert type(asking("web.book", {"message": "?", "schema": schema(a={})})) is ToolAsks
