"""Values are frozen once for all expressions that share them, and for no others."""

from engine import Json
from steps.language.frozen import FrozenValues, freeze, frozen_by, frozen_here


def test_a_value_is_frozen_once_by_its_owner() -> None:
    value: Json = {"a": [1]}
    one, other = FrozenValues(), FrozenValues()
    assert one.of(value) is one.of(value)
    assert one.of(value) == freeze(value)
    assert other.of(value) is not one.of(value)


def test_an_equal_value_that_is_another_one_is_frozen_anew() -> None:
    values = FrozenValues()
    assert values.of({"a": 1}) is not values.of({"a": 1})


def test_only_the_last_values_are_held() -> None:
    values = FrozenValues()
    first: Json = [0]
    others: list[Json] = [[number] for number in range(1, 65)]
    kept = values.of(first)
    for value in others[:-1]:
        values.of(value)
    assert values.of(first) is kept
    values.of(others[-1])
    assert values.of(first) is not kept


def test_expressions_share_the_copies_of_whoever_executes_them() -> None:
    values = FrozenValues()
    with frozen_by(values):
        assert frozen_here() is values
    assert frozen_here() is not values
