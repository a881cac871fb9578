"""Tests that ask about numbers or texts, and refuse values of another kind.

MiniJinja answers false for them, so a number that came as a text would take the wrong edge unseen.
"""

from collections.abc import Callable
from typing import Any

from steps.language.operations import Uncomparable, kind_of


def _number(value: Any, test: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Uncomparable(f"`{test}` takes a number, not {kind_of(value)}")
    return value


def _text(value: Any, test: str) -> str:
    if not isinstance(value, str):
        raise Uncomparable(f"`{test}` takes a text, not {kind_of(value)}")
    return value


def is_odd(value: Any) -> bool:
    """Return whether a number is odd; one with a fraction is not."""
    return bool(_number(value, "odd") % 2 == 1)


def is_even(value: Any) -> bool:
    """Return whether a number is even; one with a fraction is not."""
    return bool(_number(value, "even") % 2 == 0)


def is_divisible(value: Any, number: Any) -> bool:
    """Return whether a number is divisible by another without remainder."""
    if not _number(number, "divisibleby"):
        raise ValueError("`divisibleby` takes a number other than 0")
    return bool(_number(value, "divisibleby") % number == 0)


def begins(value: Any, text: Any) -> bool:
    """Return whether a text begins with another."""
    return _text(value, "startingwith").startswith(_text(text, "startingwith"))


def ends(value: Any, text: Any) -> bool:
    """Return whether a text ends with another."""
    return _text(value, "endingwith").endswith(_text(text, "endingwith"))


KINDED: dict[str, Callable[..., bool]] = {
    "odd": is_odd, "even": is_even, "divisibleby": is_divisible,
    "startingwith": begins, "endingwith": ends,
}  # fmt: skip
"""The tests that `steps/language/filters/offered.py` offers from this file."""
