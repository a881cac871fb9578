"""Checks what the filters of MiniJinja are given, or makes it a text, before they receive it.

MiniJinja takes null for an empty list or an empty text, writes booleans and null as Python does,
takes true and 1 for one value, and orders values of different kinds by kind. The same is checked
where `map` calls a filter for each item.
"""

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from steps.language.frozen import LEAST_INTEGER, WideInteger, thaw
from steps.language.operations import Uncomparable, at, has, kind_of, order_of, plain_items, shown

_MOST_WRAPPED = 20_000**2

MAKE_TEXTS = frozenset(
    {"capitalize", "e", "escape", "lower", "replace", "safe", "string", "striptags", "title",
     "trim", "upper"}
)  # fmt: skip
"""The filters that take any value as a text."""


def ready(name: str, value: Any, *keys: object) -> Any:
    """Return the value at a path for a filter. Raises `ValueError` if it is missing or not fit."""
    return READY[name](name, at(value, *keys))


def each_ready(name: Any, values: Any, *arguments: Any) -> Any:
    """Return a list whose items are fit for `map(name, *arguments)`. Raises `ValueError`."""
    if not isinstance(values, list):
        return _not_null("map", values)
    if name in ("int", "float") and arguments:
        return [*map(figure, plain_items(values))]
    if name == "split" and arguments:
        separator(arguments[0])
    check = READY.get(name) if isinstance(name, str) else None
    return [check(name, item) for item in plain_items(values)] if check else values


def text_part(value: Any) -> Any:
    """Return a value as part of a text: null, booleans, lists and objects as in JSON."""
    is_plain = isinstance(value, str) or type(value) in (int, float, WideInteger)
    return value if is_plain else json.dumps(thaw(value), ensure_ascii=False)


def text_at(value: Any, *keys: object) -> Any:
    """Return the value at a path as part of a text. Raises `ValueError` if it is missing."""
    return text_part(at(value, *keys))


def texts(values: Any) -> Any:
    """Return the items of a list as parts of a text."""
    if isinstance(values, list):
        return [*map(text_part, plain_items(values))]
    return _not_null("join", values)


def figure(value: Any) -> Any:
    """Return a value that is to be read as a number; a text is stripped of blanks."""
    return value.strip() if isinstance(value, str) else value


def _number(name: str, value: Any) -> Any:
    if value is None:
        raise ValueError(f"null is not a number; give a replacement with `{name}(default=0)`")
    return figure(value)


def whole(value: Any) -> Any:
    """Return what was cut to integers. Raises `ValueError` if the size of one was cut too."""
    for number in plain_items(value) if isinstance(value, list) else (value,):
        if number in (LEAST_INTEGER, -LEAST_INTEGER - 1):
            raise ValueError("the number has more than 128 bits")
    return value


def _not_null(name: str, value: Any) -> Any:
    if value is None:
        raise Uncomparable(f"`{name}` takes a list, not null; `default([], true)` makes one of it")
    return value


def _not_text(name: str, value: Any) -> Any:
    if isinstance(value, str):
        raise Uncomparable(f"`{name}` takes a list, not a text{_list_of(value)}")
    return _not_null(name, value)


def _text_only(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise Uncomparable(f"`{name}` takes a text, not {kind_of(value)}; `string` makes one of it")
    return value


def separator(value: Any) -> Any:
    """Return what a text is split at. Raises `ValueError` if it is empty."""
    if value == "":
        raise ValueError("`split` needs a separator; the characters of a text are `| list`")
    return value


def _wrappable(name: str, text: Any) -> Any:
    """Return a text whose lines may be wrapped: the cost is the square of a line's length."""
    if sum(len(line) ** 2 for line in _text_only(name, text).splitlines()) > _MOST_WRAPPED:
        raise ValueError("the text has too long lines to be wrapped; split it first")
    return text


def one_kind(values: Any, what: str, attribute: str = "") -> Any:
    """Return a list if all items can be ordered among one another. Raises `Uncomparable`."""
    if not isinstance(values, list | tuple | dict):
        raise Uncomparable(f"{what} takes a list, not {kind_of(values)}{_list_of(values)}")
    for name in str(attribute).split(","):
        _check_items([_part(item, name.strip()) for item in values], what)
    return values


def of_clear_kind(values: Any, what: str, attribute: Any = None) -> Any:
    """Return `values`. Raises `Uncomparable` for booleans beside numbers.

    MiniJinja takes true and 1 for one value.
    """
    name = "" if attribute is None else str(attribute)
    items = plain_items(values) if isinstance(values, list) else ()
    parts = [part for item in items if isinstance(part := _part(item, name), int | float)]
    flags = [part for part in parts if isinstance(part, bool)]
    if 0 < len(flags) < len(parts):
        number = next(part for part in parts if not isinstance(part, bool))
        raise Uncomparable(f"`{what}` of {shown(flags[0])} and {shown(number)} mixes two kinds")
    return _not_null(what, values)


def having(values: Any, what: str, attribute: Any) -> Any:
    """Return `values`. Raises `ValueError` if no item, or not every item, has an attribute.

    MiniJinja counts missing values as 0. `sum` needs the attribute in every item; `selectattr` and
    `rejectattr` need it in none, other filters in one.
    """
    if what in ("selectattr", "rejectattr") or not isinstance(values, list | dict):
        return _not_text(what, values)
    asked = attribute if isinstance(attribute, str) else shown(attribute)
    keys = [int(key) if key.isdecimal() else key for key in str(attribute).split(".")]
    items = list(values) if isinstance(values, dict) else plain_items(values)
    lacking = [at for at, item in enumerate(items) if not has(item, *keys)]
    if what == "sum" and (lacking := [at for at in lacking if isinstance(items[at], dict)]):
        raise ValueError(f"`sum` adds up {asked}, which item {lacking[0]} does not have")
    if what != "sum" and lacking and len(lacking) == len(items):
        raise ValueError(f"`{what}` asks for {asked}, which no item has")
    return values


def _list_of(value: Any) -> str:
    """Return how a text becomes a list: its characters are hardly ever meant."""
    return "; `split(',')` or `list` makes one of it" if isinstance(value, str) else ""


def _check_items(items: list[Any], what: str) -> None:
    types = set(map(type, items))
    if types <= {int, float} or types == {str}:
        return  # the usual case, without comparing each pair
    for one, other in pairwise(items):
        order_of(one, other, partial(_pair_text, what, one, other))


def _pair_text(what: str, one: object, other: object) -> str:
    return f"`{what}` of {shown(one)} and {shown(other)}"


def _part(item: Any, attribute: str) -> Any:
    for name in attribute.split(".") if attribute else ():
        item = dict.get(item, name) if isinstance(item, dict) else None
    return item


READY: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(MAKE_TEXTS, lambda _, value: text_part(value)),
    **dict.fromkeys(("indent", "split", "truncate"), _text_only),
    "wordwrap": _wrappable,
    **dict.fromkeys(("int", "float"), _number),
    "join": lambda _, value: texts(value),
    **dict.fromkeys(("max", "min", "sort"), lambda name, value: one_kind(value, name)),
    "unique": lambda name, value: of_clear_kind(value, name),
    **dict.fromkeys(("rejectattr", "selectattr"), _not_text),
    **dict.fromkeys(
        ("batch", "chain", "list", "map", "reject", "select", "slice", "zip"), _not_null,
    ),
}  # fmt: skip
"""How the value before each filter is checked or changed."""
