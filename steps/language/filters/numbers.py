"""Filters for numbers that round and add by decimal digits, as people do.

JSON numbers are binary doubles: 2.675 is stored as slightly less, and 1.005 * 3 gives
3.0149999999999997. Rounding and adding therefore use the decimal digits as written.
"""

from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from steps.language.filters.lists import at, items_of
from steps.language.frozen import GREATEST_INTEGER, LEAST_INTEGER
from steps.language.operations import kind_of

_METHODS = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
_SURE = Context(prec=15, rounding=ROUND_HALF_UP)
"""The reliable digits of a double; the others may be errors of the calculation."""

_EXACT = Context(prec=400, Emin=-999_999, Emax=999_999)
_MOST_PLACES = 400
"""A double has no digits further than this from its decimal point."""

_MOST_DECIMALS = 20


def rounded(value: float, precision: int = 0, method: str = "common") -> int | float:
    """Return a number rounded to a number of decimals; a half rounds away from zero."""
    if not _is_number(value):
        raise ValueError(f"round takes a number, not {kind_of(value)}")
    if type(precision) is not int or abs(precision) > _MOST_PLACES:
        raise ValueError(f"precision of round must be a whole number up to {_MOST_PLACES}")
    if method not in _METHODS:
        raise ValueError(f"method of round must be {', '.join(_METHODS)}")
    if isinstance(value, int) and precision >= 0:
        return value
    found = _to_places(value, precision, _METHODS[method])
    return int(found) if isinstance(value, int) else float(found)


def summed(values: Iterable[Any], attribute: str | None = None, start: float = 0) -> int | float:
    """Return the decimal sum of numbers, or of an attribute of all items."""
    items = items_of(values)
    if attribute is not None:
        items = [item for item in items if item is not None]  # null has no attributes
    return _total(items, attribute, start)[0]


def avg(values: Iterable[Any], attribute: str | None = None) -> float | None:
    """Return the mean of numbers, or of an attribute of all items; null for an empty list."""
    total, count = _total(values, attribute, 0)
    return float(_EXACT.divide(Decimal(repr(total)), Decimal(count))) if count else None


def format_number(value: float, decimals: int = 0, group: str = ",", point: str = ".") -> str:
    """Return a number with fixed decimals, and `group` between groups of three digits."""
    if not _is_number(value):
        raise ValueError(f"format_number takes a number, not {kind_of(value)}")
    if type(decimals) is not int or not 0 <= decimals <= _MOST_DECIMALS:
        raise ValueError(f"decimals must be 0 to {_MOST_DECIMALS}")
    written = f"{_to_places(value, decimals, ROUND_HALF_UP):,.{decimals}f}"
    if not any("1" <= character <= "9" for character in written):
        written = written.removeprefix("-")  # never write -0
    signs = {",": group, ".": point}
    return "".join(signs.get(character, character) for character in written)


def _to_places(value: float, places: int, rounding: str) -> Decimal:
    """Return a number rounded to `places` decimals; below 0, to tens, hundreds and so on."""
    exact = Decimal(repr(value))
    if not exact.is_finite() or exact.is_zero():
        return abs(exact) if exact.is_zero() else exact
    if isinstance(value, float) and exact.adjusted() + places + 1 < _SURE.prec:
        exact = exact.normalize(_SURE)
    if -places <= _exponent(exact):
        return exact  # there is no digit beyond that place
    return exact.quantize(Decimal(1).scaleb(-places), rounding, _EXACT)


def _exponent(exact: Decimal) -> int:
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    return exponent


def _total(values: Iterable[Any], attribute: str | None, start: float) -> tuple[int | float, int]:
    """Return the sum of numbers, and their count."""
    numbers = [item if attribute is None else at(item, attribute) for item in items_of(values)]
    for number in (start, *numbers):
        if not _is_number(number) and not isinstance(number, bool):
            raise ValueError(f"only numbers can be added up, not {kind_of(number)}")
    if all(isinstance(number, int) for number in (start, *numbers)):
        whole = sum(numbers, start)
        if not LEAST_INTEGER <= whole <= GREATEST_INTEGER:
            raise ValueError("the sum has more than 128 bits")
        return whole, len(numbers)
    total = Decimal(repr(start + 0))
    for number in numbers:
        total = _EXACT.add(total, Decimal(repr(number + 0)))
    return float(total), len(numbers)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


NUMBER_FILTERS: dict[str, Callable[..., Any]] = {
    "round": rounded, "sum": summed, "avg": avg, "format_number": format_number,
}  # fmt: skip
"""The filters that `steps/language/filters/offered.py` offers from this file, by name."""
