"""Simple expressions are evaluated directly: with the same values and costs as by MiniJinja."""

import re
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import Json
from steps.language.allowance import Allowance
from steps.language.direct import Direct
from steps.language.expression import LATER, Expression, ExpressionError
from steps.language.template import Template

_ROOTS = ("data", "result", "steps")
_KEYS = ("a", "b", "items", "0", "keys")
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(-(2**130), 2**130),
    st.sampled_from([2**53, 2**53 + 1, -(2**63), 2**64, 0.0, -0.0, 1.5, 1e300, 5e-324, 0.1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("ab0 é\"'\\{", max_size=50),
)
_VALUES: st.SearchStrategy[Json] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=6,
)
_SCOPES = st.fixed_dictionaries(
    {"data": st.dictionaries(st.sampled_from(_KEYS), _VALUES, min_size=2), "steps": _VALUES},
    optional={"result": _VALUES},
)


@st.composite
def _paths(draw: st.DrawFn) -> str:
    keys = [f".{key}" for key in _KEYS if key != "0"] + ["['0']", "[0]", "[1]", "['a']"]
    return draw(st.sampled_from(_ROOTS)) + "".join(
        draw(st.lists(st.sampled_from(keys), max_size=2))
    )


_LITERALS = st.sampled_from(
    ["0", "1", "2", "1.5", "0.1", "'a'", '"b"', "''", "true", "false", "none", "007", "1e3",
     "9007199254740993", "123456789012345678901234567890", r"'a\n'", "'é'", "1_000", "['a', 'b']",
     "[1, true]"]
)  # fmt: skip


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or", "+", "-", "*", "/", "~"]
    return st.one_of(
        st.tuples(inner, st.sampled_from(signs), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} < {p[1]} <= {p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        inner.map(lambda one: f"(not {one})"),
        inner.map(lambda one: f"-{one}"),
        inner.map(lambda one: f"({one} is defined)"),
        inner.map(lambda one: f"({one} is not undefined)"),
        inner.map(lambda one: f"({one} | length)"),
        st.tuples(inner, _LITERALS, st.sampled_from(["", ", true"])).map(
            lambda p: f"({p[0]} | default({p[1]}{p[2]}))"
        ),
    )


_EXPRESSIONS = st.recursive(_paths() | _LITERALS, _wider, max_leaves=5)


def _told(evaluate: Callable[[], Json]) -> tuple[str, int]:
    """Return the value with the kinds of its parts, or the error, and the units that were spent."""
    with Allowance() as allowance:
        try:
            return repr(evaluate()), allowance.spent
        except ExpressionError as failed:
            return re.sub("0x[0-9a-f]+", "", str(failed)), 0


def _compiled(text: str) -> Expression | None:
    try:
        return Expression(text)
    except ExpressionError:
        return None


@settings(max_examples=150, deadline=None)
@given(_EXPRESSIONS, _SCOPES)
@example("data.a / data.b", {"data": {"a": 1, "b": 0}, "steps": None})
@example("data.a", {"data": {"a": 2.0**63, "b": 2.0**64}, "steps": 2.0**64})
@example("steps", {"data": {"a": 2.0**63, "b": 2.0**64}, "steps": 2.0**64})
@example("steps", {"data": {"a": 2.0**63, "b": 2.0**64}, "steps": 2.0**63 + 2048})
@example("data.a == data.b", {"data": {"a": 1, "b": True}, "steps": None})
@example("data.a * 2", {"data": {"a": 16.5, "b": 1}, "steps": None})
@example("data.a or result", {"data": {"a": [], "b": 1}, "steps": None})
@example("data.items | default('x', true)", {"data": {"a": 0, "items": ""}, "steps": None})
def test_the_value_the_cost_and_the_error_are_those_of_minijinja(
    text: str, scope: dict[str, Json]
) -> None:
    expression = _compiled(text)
    if expression is None:
        return
    direct = _told(lambda: expression.evaluate(scope))
    expression._direct = None
    assert direct == _told(lambda: expression.evaluate(scope)), text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data.order.total * 2", 84),
        ("data.order", {"total": 42, "lines": [{"sku": "a"}]}),
        ("data.order.lines[0].sku", "a"),
        ("data.order.total > 40 and data.who == 'Ada'", True),
        ("0 < data.order.total <= 42", True),
        ("data.who in ['Ada', 'Bob']", True),
        ("data.note | default('none')", "none"),
        ("data.order.note is defined", False),
        ("'much' if data.order.total >= 10 else 'little'", "much"),
        ("not data.order.total - 42", True),
    ],
)
def test_what_definitions_mostly_say_is_simple(text: str, value: Json) -> None:
    scope: dict[str, Json] = {
        "data": {"order": {"total": 42, "lines": [{"sku": "a"}]}, "who": "Ada"}
    }
    assert Expression(text).directly(scope) == value


def test_a_result_is_a_copy() -> None:
    scope: dict[str, Any] = {"data": {"order": {"lines": [{"sku": "a"}]}}}
    order = Expression("data.order").directly(scope)
    order["lines"][0]["sku"] = "b"
    order["lines"].append(1)
    assert scope == {"data": {"order": {"lines": [{"sku": "a"}]}}}


@pytest.mark.parametrize(
    "value", [["x"] * 9_000, [["x"] * 5_000, ["x"] * 5_000], "x" * 200_000, {"n": float("inf")}]
)
def test_much_data_is_left_to_the_thread(value: Json) -> None:
    scope: Mapping[str, Json] = {"data": {"much": value}}
    assert Expression("data.much").directly(scope) is LATER or value == {"n": float("inf")}


def test_a_path_takes_few_calls() -> None:
    template = Template({"id": "{{ data.order.id }}", "total": "{{ data.order.total * 2 }}"})
    scope: dict[str, Json] = {"data": {"order": {"id": "x", "total": 21}}}
    count = 0

    def note(_frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call"

    assert template.render(scope) == {"id": "x", "total": 42}
    sys.setprofile(note)
    template.render(scope)
    sys.setprofile(None)
    assert count <= 22


def test_an_unusual_expression_is_not_simple() -> None:
    for text in ("data.a | upper", "now()", "data[data.a]", "data.a ~ 'x'", "{'a': 1}", "data[1:]"):
        node = Expression(text).node
        assert Direct.of(node, 1) is None, text
