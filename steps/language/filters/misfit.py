"""Explains why a filter cannot take its arguments, in the terms of JSON instead of Python."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from steps.language.operations import kind_of

_FITTING: tuple[tuple[object, tuple[type, ...], str], ...] = (
    (str, (str,), "a text"),
    (bool, (bool,), "true or false"),
    (int, (int,), "a whole number"),
    (float, (int, float), "a number"),
    (NoneType, (NoneType,), "null"),
    (Iterable, (list, tuple), "a list"),
    (Sequence, (list, tuple), "a list"),
    (Mapping, (dict,), "an object"),
)


_CHECKED = (str, bool, int, float)


def fits(call: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Return whether texts, numbers and booleans are given where a filter declares them.

    Python would take true for 1, and a few filters would make a text of anything.
    """
    wanted = _checked(call)
    given = [*zip(wanted, arguments, strict=False), *named.items()]
    return all(_fits(value, kinds) for key, value in given if (kinds := wanted.get(key)))


@cache
def _checked(call: Callable[..., Any]) -> dict[str, tuple[type, ...]]:
    """Return what fits each parameter; empty if anything may."""
    hints, found = get_type_hints(call), {}
    for key in inspect.signature(call).parameters:
        kinds = tuple(kind for part, _ in _wanted(hints.get(key)) for kind in part)
        found[key] = kinds if set(kinds) <= {*_CHECKED, NoneType} else ()
    return found


def misfit(
    name: str, call: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]
) -> str:
    """Return why a call of a filter with these arguments has failed.

    Args:
        name: The filter's name.
        call: The filter; its annotations declare what it takes.
        arguments: The value before the bar, and the arguments in parentheses.
        named: The named arguments.
    """
    try:
        given = inspect.signature(call).bind(*arguments, **named).arguments
    except TypeError:
        _, *others = inspect.signature(call).parameters
        return f"{name} is called as {name}({', '.join(others)})"
    hints = get_type_hints(call)
    for place, (key, value) in enumerate(given.items()):
        wanted = _wanted(hints.get(key))
        if wanted and not any(_fits(value, kinds) for kinds, _ in wanted):
            words = " or ".join(word for _, word in wanted if word != "null")
            what = f"{name} takes" if place == 0 else f"{key} of {name} must be"
            return f"{what} {words}, not {kind_of(value)}"
    return f"{name} cannot take {', '.join(kind_of(value) for value in arguments)}"


def _wanted(hint: Any) -> list[tuple[tuple[type, ...], str]]:
    """Return what fits an annotation; empty if anything does."""
    parts = [hint] if get_origin(hint) not in _UNIONS else get_args(hint)
    found = []
    for part in parts:
        base = get_origin(part) or part
        fitting = [(kinds, word) for known, kinds, word in _FITTING if known is base]
        if not fitting:
            return []
        found += fitting
    return found


_UNIONS = (UnionType, Union)


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
