"""Checked and bounded replacements for operations of MiniJinja.

Comparing two kinds of values is an error that names both; MiniJinja would order them by kind.
Multiplying a list or a text is bounded; MiniJinja repeats lists lazily and without using fuel.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from steps.language.equality import among, same
from steps.language.frozen import FrozenDict, FrozenList, WideInteger, size_of

_LONGEST_SHOWN = 60
_LONGEST_LIST = 100_000
_LONGEST_TEXT = 1_000_000
_WIDE = "an integer beyond 128 bits"
METHODS = ("get", "items", "keys", "values")
"""The methods that objects have."""


ABSENT = object()
"""Stands for a value that does not exist, which MiniJinja would pass as null."""


class Uncomparable(ValueError):
    """Values of different kinds, or of a kind without an order, were compared by order."""


def kind_of(value: object) -> str:
    """Return the kind of a value for messages: `a text`, `a number`, `null`, ..."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case dict():
            return "an object"
        case WideInteger():
            return _WIDE
        case _:
            return "a list"


def shown(value: object) -> str:
    """Return a value for messages: as JSON, and shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


_ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def ordered(left: object, sign: str, right: object) -> bool:
    """Return whether `left sign right` is true. Raises `Uncomparable` for two kinds of values."""
    return _ORDERS[sign](order_of(left, right, lambda: f"{shown(left)} {sign} {shown(right)}"))


def order_of(left: Any, right: Any, pair: Callable[[], str]) -> int:
    """Return a number below, equal to or above 0 if `left` is before, equal to or after `right`."""
    kinds = kind_of(left), kind_of(right)
    if kinds[0] != kinds[1]:
        raise Uncomparable(
            f"{pair()} compares {kinds[0]} with {kinds[1]}; convert one of them first, "
            "for example with `| float` or `| string`"
        )
    if kinds[0] in ("null", "an object", _WIDE):
        raise Uncomparable(f"{pair()} compares {kinds[0]} with {kinds[1]}, which have no order")
    if kinds[0] != "a list":
        return int(left > right) - int(left < right)
    left, right = plain_items(left), plain_items(right)
    pairs = zip(left, right, strict=False)
    return next((order for one, other in pairs if (order := order_of(one, other, pair))),
                len(left) - len(right))  # fmt: skip


def smaller(left: object, right: object) -> int:
    """Return a number below, equal to or above 0 if `left` is before, equal to or after `right`.

    Raises `Uncomparable` for two kinds of values.
    """
    return order_of(left, right, lambda: f"sorting {shown(left)} and {shown(right)}")


def compare(first: object, *rest: object) -> bool:
    """Evaluate a chain such as `1 < x <= 5`: value, sign, value, sign, value."""
    for at in range(0, len(rest), 2):
        sign, right = str(rest[at]), rest[at + 1]
        if not _holds(first, sign, right):
            return False
        first = right
    return True


def _holds(left: Any, sign: str, right: Any) -> bool:
    match sign:
        case "==" | "!=":
            return same(left, right) == (sign == "==")
        case "in" | "not in":
            return is_in(left, right) == (sign == "in")
        case _:
            return ordered(left, sign, right)


def is_in(left: Any, right: Any) -> bool:
    """Return whether `left in right`. Raises `ValueError` for values that it cannot take."""
    if isinstance(right, str):
        if not isinstance(left, str):
            pair = f"{shown(left)} in {shown(right)} looks for {kind_of(left)} in a text"
            raise Uncomparable(f"{pair}; convert it first, for example with `| string`")
        return left in right
    if isinstance(right, dict | list | tuple):
        return among(left, right)
    raise ValueError(f"`in` needs a list, a text or an object, not {kind_of(right)}")


def multiply(first: Any, *others: Any) -> Any:
    """Return a product. Raises `ValueError` if it is too long, or an operand is not a number."""
    for other in others:
        first = _product(first, other)
    return first


def _product(left: Any, right: Any) -> Any:
    if isinstance(right, str | list | tuple):
        left, right = right, left
    if isinstance(left, str | list | tuple) and isinstance(right, int):
        longest = _LONGEST_TEXT if isinstance(left, str) else _LONGEST_LIST
        size = len(left) if isinstance(left, str) else _values_in(left)
        if size * right > longest:
            raise ValueError(f"{shown(left)} times {shown(right)} is too large")
        times = right if left else 0  # how often nothing is repeated makes no difference
        return list(left) * times if isinstance(left, list) else left * times
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left * right
    raise ValueError(f"{kind_of(left)} and {kind_of(right)} cannot be multiplied")


def _values_in(items: Any) -> int:
    """Return how many values a list holds, at all levels."""
    count, todo = 0, [plain_items(items)]
    while todo:
        for item in todo.pop():
            count += size_of(item)
            if isinstance(item, list | tuple) and not isinstance(item, FrozenList):
                todo.append(item)
            elif isinstance(item, dict) and not isinstance(item, FrozenDict):
                todo.append(list(item.values()))
    return count


def method(name: str, value: Any, *arguments: Any, **named: Any) -> Any:
    """Return the result of an object's method."""
    if not isinstance(value, dict):
        raise TypeError(f"{kind_of(value)} has no method {name}; only objects have it")
    if named:
        raise TypeError(f"{name} takes no argument by name")
    if name != "get":
        if arguments:
            raise TypeError(f"{name} takes no argument: {name}()")
        return list(getattr(dict, name)(value))
    if not 1 <= len(arguments) <= 2:  # noqa: PLR2004 - the name and a default
        raise TypeError("get is called as get(name) or get(name, default)")
    return at_or([*arguments, None][1], False, value, arguments[0])


_MISSING = object()


def _at(value: Any, keys: Iterable[object]) -> Any:
    for key in keys:
        value = _entry(value, key)
        if value is _MISSING:
            return _MISSING
    return value


def _entry(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return _MISSING if isinstance(key, list | dict) else dict.get(value, key, _MISSING)
    if isinstance(value, list | tuple | str) and _is_whole(key):
        items, place = value if isinstance(value, str) else plain_items(value), int(key)
        return items[place] if -len(items) <= place < len(items) else _MISSING
    return _MISSING


def _is_whole(key: object) -> bool:
    return type(key) is int or (isinstance(key, float) and key.is_integer())


def has(value: Any, *keys: object) -> bool:
    """Return whether there is a value at a path; any part of it may be missing."""
    return _at(value, keys) is not _MISSING


def at(value: Any, *keys: object) -> Any:
    """Return the value at a path. Raises `ValueError` if a part of it is missing."""
    found = _at(value, keys)
    if found is _MISSING or found is ABSENT:
        raise ValueError("undefined value")
    return found


def at_or(default: Any, also_falsy: Any, value: Any, *keys: object) -> Any:
    """Return the value at a path, or `default` if a part of it is missing."""
    found = _at(value, keys)
    if found is not _MISSING and (found or not also_falsy):
        return found
    if default is ABSENT:
        raise ValueError("undefined value")
    return default


def path_in(value: Any, keys: Iterable[object]) -> tuple[bool, Any]:
    """Return whether there is a value at a path, and the value."""
    found = _at(value, keys)
    return found is not _MISSING, None if found is _MISSING else found


def plain_items(value: Any) -> Any:
    """Return the items of a list or a tuple, even of a frozen list."""
    return value if isinstance(value, tuple) else list(list.__iter__(value))
