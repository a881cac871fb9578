"""Expressions return values, have no side effects, and end within a bounded time."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from engine import ConditionFailed, Json
from steps.document.edge_condition import Answers, answered_by, condition
from steps.language.allowance import Allowance
from steps.language.beside import LONG, share_way
from steps.language.expression import Expression, ExpressionError
from steps.language.template import Template
from tests.harness.counted_work import calls_of

SCOPE: dict[str, Json] = {
    "data": {"n": 1.5, "list": [3, 1, 2], "who": {"name": "Ada"}, "items": 7, "none": None},
    "steps": {"a-b": {"output": {"ok": True}}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data.n + 1", 2.5),
        ("data['who'].name", "Ada"),
        ("data.items * 2", 14),
        ("'a*b' | replace('*', '-')", "a-b"),
        ("['a*b']", ["a*b"]),
        ("data.items", 7),
        ("data.none", None),
        ("data.missing | default(3)", 3),
        ("data.missing is defined", False),
        ("data.list | sort", [1, 2, 3]),
        ("data.list[:2]", [3, 1]),
        ("data.who == {'name': 'Ada'}", True),
        ("{'x': data.who}", {"x": {"name": "Ada"}}),
        ("steps['a-b'].output.ok", True),
        ("data.who | to_json", '{"name":"Ada"}'),
        ("'{\"a\": 1}' | from_json", {"a": 1}),
        ("'2026-01-31T00:00:00Z' | date_add('1d')", "2026-02-01T00:00:00Z"),
    ],
)
def test_an_expression_returns_its_value(text: str, value: Json) -> None:
    assert Expression(text).evaluate(SCOPE) == value


@pytest.mark.parametrize(
    "text",
    ["data.missing", "data.missing.deeper", "data.clear()", "data.list.append(1)",
     "data.who.update(x=1)", "data.__class__.__mro__", "data.who.__reduce__()", "1e999",
     "data._v", "error.type"],
)  # fmt: skip
def test_expressions_change_and_access_nothing(text: str) -> None:
    before = repr(SCOPE)
    with pytest.raises(ExpressionError):
        Expression(text).evaluate(SCOPE)
    assert repr(SCOPE) == before


@pytest.mark.parametrize(
    "text",
    [
        "'a' * 10**9",
        "range(100000000) | list",
        "[0] * 10**8",
        "data.list * 10**8",
        "{'x': [0] * 10**8}",
        "(" * 2000 + ")" * 2000,
    ],
)
def test_a_cost_bomb_is_refused_before_it_is_evaluated(text: str) -> None:
    with pytest.raises(
        ExpressionError, match=r"is too large|has too many elements|is nested deeper"
    ):
        Expression(text).evaluate(SCOPE)


@pytest.mark.parametrize(
    "text",
    ["1 +", "{% if %}", "foo.bar", "secrets.KEY", "", "x" * 5000, "1) or (2", "1 }} {{ 2",
     "[range]", "now | upper"],
)  # fmt: skip
def test_an_invalid_expression_does_not_compile(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression(text)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ data.list }}", [3, 1, 2]),
        ("n={{ data.n }}, {{ data.who }}", 'n=1.5, {"name": "Ada"}'),
        ({"a": ["{{ '}}' }}"]}, {"a": ["}}"]}),
        ("{{ {'a': {'b': 1}}.a.b }}", 1),
        ("plain { text }", "plain { text }"),
    ],
)
def test_a_template_keeps_types_where_it_can(source: Json, value: Json) -> None:
    assert Template(source).render(SCOPE) == value


def test_placeholders_in_data_are_not_evaluated() -> None:
    hostile: dict[str, Json] = {"data": {"x": "{{ data.y }}", "y": "secret"}}
    assert Template("{{ data.x }}").render(hostile) == "{{ data.y }}"
    assert Template("<{{ data.x }}>").render(hostile) == "<{{ data.y }}>"


def test_a_condition_that_cannot_be_evaluated_says_so() -> None:
    assert condition("{{ data.n > 1 }}")(SCOPE) is True
    with pytest.raises(ConditionFailed, match=r"data\.missing"):
        condition("data.missing > 1")(SCOPE)


def test_calls_of_filters_are_bounded() -> None:
    many: dict[str, Json] = {"data": {"few": ["a"] * 3_000, "many": ["a"] * 20_000}}
    for name in ("to_json", "tojson", "sha256"):
        few = Expression(f"data.few | map('{name}') | list | length").evaluate(many)
        assert few == 3_000
        accepted = Expression(f"data.few | map('{name}') | list")
        refused = Expression(f"data.many | map('{name}') | list")

        def evaluate(expression: Expression = refused) -> None:
            with pytest.raises(ExpressionError, match="filters are called too often"):
                expression.evaluate(many)

        assert calls_of(evaluate) < 4 * calls_of(partial(accepted.evaluate, many))


def test_one_long_text_is_always_accepted_and_the_allowance_starts_over() -> None:
    scope: dict[str, Json] = {"data": {"text": "x" * 900_000}}
    for _ in range(3):
        assert len(str(Expression("data.text | to_json").evaluate(scope))) == 900_002
    with pytest.raises(ExpressionError, match="too often"):
        Expression("[data.text | to_json, data.text | to_json] | length").evaluate(scope)


def test_a_large_object_costs_in_proportion_to_its_size() -> None:
    few, many = (_calls_for_an_object_of(size) for size in (10_000, 40_000))
    assert few < many < 4.1 * few
    assert many < 8 * 40_000


def _calls_for_an_object_of(size: int) -> int:
    value: Json = {f"key{number}": number for number in range(size)}
    scope: dict[str, Json] = {"data": {"x": value}}
    expression = Expression("data.x")
    assert expression.evaluate(scope) == value
    return calls_of(lambda: expression.evaluate(scope))


async def test_long_evaluations_run_off_the_event_loop_with_the_same_result() -> None:
    threads: list[int] = []

    async def way(work: Callable[[], Any]) -> Any:
        def seen() -> Any:
            threads.append(threading.get_ident())
            return work()

        return await asyncio.to_thread(seen)

    share_way(way)
    scope: dict[str, Json] = {
        "data": {
            "n": list(range(LONG + 1)),
            "few": [1, 2],
            "t": "x" * 200_000,
            "csv": "a,b\n" * 10_000,
        }
    }
    for text, is_long in (
        ("data.n | map('string') | join | length", True),
        ("data.n | first | upper > 3", True),
        ("data.t | length", True),
        ("data.csv | length", False),
        ("data.csv | from_csv | length", True),
        ("data.few | join(',')", False),
        ("data.few | length + range(100000) | length", True),
    ):
        threads.clear()
        expression = Expression(text)
        outcomes = []
        for attempt in (expression.evaluate, expression.evaluated):
            with Allowance() as allowance:
                try:
                    value = attempt(scope)
                    outcome = await value if inspect.isawaitable(value) else value
                except ExpressionError as failed:
                    outcome = str(failed)
                outcomes.append((outcome, allowance.spent))
        assert outcomes[0] == outcomes[1], text
        assert [thread != threading.get_ident() for thread in threads] == [True] * is_long, text


def test_a_condition_is_evaluated_once_where_its_result_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    evaluate = Expression.evaluate

    def counted(self: Expression, scope: dict[str, Json]) -> Json:
        asked.append(self.text)
        return evaluate(self, scope)

    monkeypatch.setattr(Expression, "evaluate", counted)
    holds, not_so, breaks = map(condition, ("data.n > 1", "data.n > 2", "data.nothing > 1"))
    answers: Answers = {}
    for _ in range(2):  # first for the copy, then for the run itself
        with answered_by(answers):
            assert holds(SCOPE)
            assert not not_so(SCOPE)
            with pytest.raises(ConditionFailed, match="nothing does not exist"):
                breaks(SCOPE)
    assert asked == ["data.n > 1", "data.n > 2", "data.nothing > 1"]
    assert holds(SCOPE)
    assert not holds({"data": {"n": 0}})
    assert len(asked) == 5, "outside nothing is kept"
