"""Frozen values are shared by expressions of one owner, and by no others."""

from engine import Json
from steps.language.frozen import FrozenValues, freeze, frozen_by, frozen_here


def test_a_value_is_frozen_once_by_its_owner() -> None:
    value: Json = {"a": [1]}
    one, other = FrozenValues(), FrozenValues()
    assert one.of(value) is one.of(value)
    assert one.of(value) == freeze(value)
    assert other.of(value) is not one.of(value)


def test_an_equal_but_distinct_value_is_frozen_again() -> None:
    values = FrozenValues()
    assert values.of({"a": 1}) is not values.of({"a": 1})


def test_only_the_latest_values_are_cached() -> None:
    values = FrozenValues()
    first: Json = [0]
    others: list[Json] = [[number] for number in range(1, 65)]
    kept = values.of(first)
    for value in others[:-1]:
        values.of(value)
    assert values.of(first) is kept
    values.of(others[-1])
    assert values.of(first) is not kept


def test_expressions_share_the_copies_of_their_owner() -> None:
    values = FrozenValues()
    with frozen_by(values):
        assert frozen_here() is values
    assert frozen_here() is not values
