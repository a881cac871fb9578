"""Evaluates simple expressions, which most are, without MiniJinja.

An expression is compiled once into functions for paths, literals, comparisons, arithmetic and
choices, which read the values of the scope as they are; only a result is copied. Whatever is not
simple (a missing value, two kinds of values, a filter, much data, a failure) is left to
`Expression`, which alone decides what it means, costs and says.
"""

import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite
from typing import Any, TypeAlias

from engine import Json
from steps.language.allowance import CHARACTERS_A_UNIT, units_of_text
from steps.language.beside import LONG
from steps.language.syntax.nodes import (
    Attribute,
    Binary,
    Choice,
    Compare,
    Filter,
    Literal,
    Name,
    Node,
    Sequence,
    Test,
    Unary,
)
from steps.language.syntax.source import path_of

_ABSENT: Any = object()
_NUMBERS = frozenset({int, float})
_FIGURES = _NUMBERS | {bool}
_SCALARS = _FIGURES | {str, type(None)}
_HOLD_NOTHING = _FIGURES | {list, type(None), object}
"""Kinds of values that have no keys, and that of `_ABSENT`."""

_EXACT = 2**53
"""Up to this size, integers are the same number as a float."""

_BEYOND = 2**63
"""From here on, MiniJinja keeps a float without a fraction a float."""

_MOST_NODES = 60
_LONGEST_TEXT = LONG * CHARACTERS_A_UNIT
_SHORT_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")

Sign: TypeAlias = Callable[[Any, Any], Any]
_ORDERS: dict[str, Sign] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip
_ARITHMETIC: dict[str, Sign] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv
}  # fmt: skip

Scope: TypeAlias = Mapping[str, Json]
Costs: TypeAlias = list[int]
"""Units that depend on the values, added while they are read."""

Part: TypeAlias = Callable[[Scope, Costs], Any]
"""Returns the value of a node in a scope. Raises `_NotSimple`."""


class _NotSimple(Exception):
    """A node, or what it meets in a scope, is left to MiniJinja."""


class Direct:
    """The functions of one expression."""

    __slots__ = ("_units", "_whole")

    def __init__(self, whole: Part, units: int) -> None:
        self._whole, self._units = whole, units

    @classmethod
    def of(cls, node: Node, units: int) -> "Direct | None":
        """Compile an expression of so many nodes; return None if it is not simple."""
        if units > _MOST_NODES:  # the functions call one another
            return None
        try:
            return cls(_part(node), units)
        except _NotSimple:
            return None

    def evaluate(self, scope: Scope) -> tuple[Json, int] | None:
        """Return the value in `scope` and its cost in units; None if it is not simple."""
        costs: Costs = []
        try:
            value, size = self._whole(scope, costs), 1
            kind = type(value)
            if kind is float and value.is_integer():
                value = _as_whole(_number(value))
            elif kind is str or kind not in _SCALARS:
                value, size = _result(value)
        except _NotSimple:
            return None
        return value, self._units + size + sum(costs)


def _part(node: Node) -> Part:
    """Return the function of a node. Raises `_NotSimple`."""
    match node:
        case Literal():
            return partial(_same, _literal(node))
        case Name() | Attribute():
            return partial(_at, *_path(node), 0)
        case Unary("not", value):
            return partial(_negated, _part(value))
        case Unary("-", value):
            return partial(_negative, _part(value))
        case Binary("and" | "or" as word, left, right):
            return partial(_either, word == "or", _part(left), _part(right))
        case Binary(sign, left, right) if sign in _ARITHMETIC:
            return partial(_computed, _ARITHMETIC[sign], _part(left), _part(right))
        case Choice(condition, then, otherwise) if otherwise is not None:
            return partial(_chosen, _part(condition), _part(then), _part(otherwise))
        case Compare():
            return _comparison(node)
        case Filter(_, "default" | "d") | Test(_, "defined" | "undefined"):
            return _question(node)
    raise _NotSimple


def _comparison(node: Compare) -> Part:
    signs = [sign for sign, _ in node.rest]
    first, others = _part(node.first), [operand for _, operand in node.rest]
    if all(sign in _ORDERS for sign in signs):
        pairs = [(_ORDERS[sign], _part(operand)) for sign, operand in node.rest]
        return partial(_ordered, first, pairs)
    last = others[0]
    if signs in (["=="], ["!="]):
        return partial(_equal, signs == ["=="], first, _part(last))
    if signs not in (["in"], ["not in"]):
        raise _NotSimple
    if isinstance(last, Sequence):
        listed = tuple(map(_literal, last.items))
        return partial(_in, signs == ["in"], first, partial(_same, listed))
    return partial(_in, signs == ["in"], first, _part(last))


def _question(node: Filter | Test) -> Part:
    """Return the function of `a.b is defined` or of `a.b | default(literal)`."""
    given = [*map(_literal, node.arguments.positional)]
    root, keys = _path(node.of)
    if not keys or node.arguments.named:
        raise _NotSimple
    times = sum(units_of_text(item) if isinstance(item, str) else 1 for item in given) or 1
    asked = partial(_at, root, keys, times)
    if isinstance(node, Test) and not given:
        return partial(_is_there, (node.name == "defined") != node.negated, asked)
    if isinstance(node, Filter) and len(given) <= 2:  # noqa: PLR2004 - what `default` takes
        filled: list[Json] = ["", False]
        filled[: len(given)] = given
        return partial(_or_else, filled, asked)
    raise _NotSimple


def _path(node: Node) -> tuple[str, tuple[str | int, ...]]:
    """Return the root and the literal keys of a path. Raises `_NotSimple`."""
    path = path_of(node)
    if path is None:
        raise _NotSimple
    keys: list[str | int] = []
    for key in map(_literal, path[1]):
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise _NotSimple
        keys.append(key)
    return path[0], tuple(keys)


def _literal(node: Node) -> bool | int | float | str | None:
    """Return a literal that everybody reads alike. Raises `_NotSimple`."""
    if not isinstance(node, Literal) or "\\" in node.text:
        raise _NotSimple
    if type(node.value) in _NUMBERS and not _SHORT_NUMBER.fullmatch(node.text):
        raise _NotSimple
    return node.value


def _same(value: Any, _scope: Scope, _costs: Costs) -> Any:
    return value


def _at(root: str, keys: tuple[str | int, ...], times: int, scope: Scope, costs: Costs) -> Any:
    """Return the value at a path.

    If its size counts so many `times`, it may be absent; otherwise it must exist.
    """
    value: Any = scope.get(root, _ABSENT)
    if value is _ABSENT:
        raise _NotSimple
    for key in keys:
        kind = type(value)
        if kind is dict:
            value = value.get(key, _ABSENT)
        elif kind is list and type(key) is int and key < len(value):
            value = value[key]
        elif kind in _HOLD_NOTHING:
            value = _ABSENT
        else:
            raise _NotSimple
    if times:
        if type(value) not in _SCALARS and value is not _ABSENT:
            raise _NotSimple
        costs.append(times * (units_of_text(value) if type(value) is str else 1))
    elif value is _ABSENT:
        raise _NotSimple
    return value


def _is_there(asked: bool, of: Part, scope: Scope, costs: Costs) -> bool:
    return (of(scope, costs) is not _ABSENT) is asked


def _or_else(given: list[Json], of: Part, scope: Scope, costs: Costs) -> Any:
    (otherwise, also_falsy), value = given, of(scope, costs)
    return otherwise if value is _ABSENT or (also_falsy and not value) else value


def _is_true(value: Any) -> bool:
    if type(value) not in _SCALARS:
        raise _NotSimple
    return bool(value)


def _negated(of: Part, scope: Scope, costs: Costs) -> bool:
    return not _is_true(of(scope, costs))


def _either(ends_if: bool, left: Part, right: Part, scope: Scope, costs: Costs) -> Any:
    """Evaluate `or` (`ends_if` true) or `and`: the right operand only if the left one leaves it."""
    value = left(scope, costs)
    return value if _is_true(value) is ends_if else right(scope, costs)


def _chosen(condition: Part, then: Part, otherwise: Part, scope: Scope, costs: Costs) -> Any:
    return (then if _is_true(condition(scope, costs)) else otherwise)(scope, costs)


def _are_numbers(*values: Any) -> bool:
    """Return whether all are numbers that are exact as floats."""
    for value in values:
        kind = type(value)
        if kind is not float and not (kind is int and -_EXACT < value < _EXACT):
            return False
    return True


def _ordered(first: Part, pairs: list[tuple[Sign, Part]], scope: Scope, costs: Costs) -> bool:
    left = first(scope, costs)
    others = [part(scope, costs) for _, part in pairs]  # all of them must exist
    for (sign, _), right in zip(pairs, others, strict=True):
        is_text = type(left) is str and type(right) is str
        if not is_text and not _are_numbers(left, right):
            raise _NotSimple
        if not sign(left, right):
            return False
        left = right
    return True


def _equal(is_asked: bool, first: Part, second: Part, scope: Scope, costs: Costs) -> bool:
    left, right = first(scope, costs), second(scope, costs)
    one, other = type(left), type(right)
    if one not in _SCALARS or other not in _SCALARS:
        raise _NotSimple
    are_figures = one in _FIGURES and other in _FIGURES
    if are_figures and not (one is other is bool or _are_numbers(left, right)):
        raise _NotSimple
    return (left == right) is is_asked


def _in(is_asked: bool, first: Part, second: Part, scope: Scope, costs: Costs) -> bool:
    left, right = first(scope, costs), second(scope, costs)
    kind = type(right)
    if type(left) is not str or kind not in (str, dict, list, tuple) or len(right) > LONG:
        raise _NotSimple
    return (left in right) is is_asked


def _computed(sign: Sign, left: Part, right: Part, scope: Scope, costs: Costs) -> Any:
    one, other = left(scope, costs), right(scope, costs)
    if not _are_numbers(one, other) or (sign is operator.truediv and other == 0):
        raise _NotSimple
    return _number(sign(one, other))


def _negative(of: Part, scope: Scope, costs: Costs) -> Any:
    value = of(scope, costs)
    if not _are_numbers(value):
        raise _NotSimple
    return -value


def _number(value: Any) -> Any:
    """Return the result of an operation. Raises `_NotSimple` if it may be rounded elsewhere."""
    if not _are_numbers(value) or not isfinite(value):
        raise _NotSimple
    return value


def _as_whole(value: float) -> int:
    """Return a whole number for a float without a fraction, as MiniJinja does for 64 bits."""
    if abs(value) >= _BEYOND:
        raise _NotSimple
    return int(value)


def _result(value: Any) -> tuple[Any, int]:
    """Return a copy of a result and its cost in units. Raises `_NotSimple` if it is large."""
    made: list[Any] = [value]
    todo: list[Any] = [made]
    count = characters = 0
    for within in todo:  # the list grows in the loop
        for key, item in within.items() if type(within) is dict else enumerate(within):
            kind = type(item)
            count += 1
            if kind is str:
                characters += len(item)
            elif kind is dict or kind is list:
                if len(item) > LONG:
                    raise _NotSimple
                within[key] = item.copy()
                todo.append(within[key])
            elif kind not in _SCALARS:
                raise _NotSimple
        if count > LONG or characters > _LONGEST_TEXT:
            raise _NotSimple
    return made[0], count + characters // CHARACTERS_A_UNIT
