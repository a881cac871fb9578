"""Integers of any length keep all their digits through expressions."""

import pytest

from engine import Json
from steps.language.expression import Expression, ExpressionError
from steps.language.template import Template

SIZES = [2**53 + 1, 12345678901234567890, 2**64, 2**128 - 1, -(2**127), 10**45 + 1, -(10**60) - 7]


def scope(number: int) -> dict[str, Json]:
    return {"data": {"n": number, "l": [number, number + 1], "o": {"n": number}}}


@pytest.mark.parametrize("number", SIZES)
def test_every_digit_is_kept(number: int) -> None:
    given = scope(number)
    for text in (
        "data.n",
        "data.o.n",
        "data.l[0]",
        "data.n | default(0)",
        "data.n if data.l else 0",
    ):
        assert Expression(text).evaluate(given) == number, text
    assert Expression("data").evaluate(given) == given["data"]
    assert Expression("data.n ~ ''").evaluate(given) == str(number)
    assert Expression("data.n | to_json").evaluate(given) == str(number)
    assert Expression("data.n == data.o.n and data.n in data.l").evaluate(given) is True
    assert Expression(f"'{number}' | from_json").evaluate(given) == number
    shown = Template("id {{ data.n }}, {{ data.l }}").render(given)
    assert shown == f"id {number}, {[number, number + 1]}"


@pytest.mark.parametrize("number", SIZES[:3])
def test_arithmetic_is_exact_up_to_128_bits(number: int) -> None:
    given = scope(number)
    assert Expression("data.n * 3 - 1").evaluate(given) == number * 3 - 1
    assert Expression("data.l | max").evaluate(given) == number + 1
    assert Expression("data.n > 5").evaluate(given) is True


@pytest.mark.parametrize("number", SIZES[-2:])
@pytest.mark.parametrize(
    "text",
    ["data.n + 1", "data.n * 2", "-data.n", "data.n | int", "data.n | abs", "data.n > 5", "data.n < data.o.n",
     "data.l | max", "data.l | sort", "data.l | sum", "data.n.value", "data.n.__class__"],
)  # fmt: skip
def test_arithmetic_beyond_128_bits_is_an_error(number: int, text: str) -> None:  # fmt: skip
    with pytest.raises(ExpressionError):
        Expression(text).evaluate(scope(number))
