"""Infers the kinds of values in an expression from declared types."""

from collections.abc import Iterator, Mapping
from typing import Any

from steps.language.catalogue import FILTERS
from steps.language.operations import kind_of
from steps.language.syntax.nodes import (
    Binary,
    Compare,
    Filter,
    Literal,
    Node,
    Sequence,
    Test,
    Unary,
    walk,
)
from steps.language.syntax.nodes import Mapping as ObjectNode
from steps.language.syntax.source import path_of

_KINDS = {
    "string": "a text", "file": "a text", "number": "a number", "integer": "a number",
    "boolean": "a boolean", "object": "an object", "array": "a list",
}  # fmt: skip
_NUMBERS = ("a number", "a number")
_FITTING = {
    "+": {_NUMBERS, ("a text", "a text"), ("a list", "a list")},
    "*": {_NUMBERS, ("a text", "a number"), ("a list", "a number")},
    **{key: {_NUMBERS} for key in ("-", "/", "//", "%", "**")},
}
"""The kinds that an operator accepts."""

_ORDERING = frozenset({"<", "<=", ">", ">="})

Declared = Mapping[str, Mapping[str, Any]]
"""The spec of each name in `data` whose type is known."""


def crossings_in(root: Node, declared: Declared) -> Iterator[str]:
    """Return the operations on two kinds that never fit, whatever the data is."""
    for node in walk(root):
        if isinstance(node, Binary):
            yield from _mixture(node, declared)
        if not isinstance(node, Compare):
            continue
        left = node.first
        for sign, right in node.rest:
            kinds = kind(left, declared), kind(right, declared)
            if sign in ("in", "not in"):
                yield from _holding(sign, *kinds)
            if sign in _ORDERING and None not in kinds:
                yield from _crossing(sign, str(kinds[0]), str(kinds[1]))
            left = right


def _crossing(sign: str, left: str, right: str) -> Iterator[str]:
    if left != right:
        yield (
            f"`{sign}` compares {left} with {right}; convert one of them first, "
            "for example with `| float` or `| string`"
        )
    elif left in ("an object", "null"):
        yield f"`{sign}` compares {left} with {right}, which have no order"


def _holding(sign: str, left: str | None, right: str | None) -> Iterator[str]:
    if right in ("a number", "a boolean", "null"):
        yield f"`{sign}` needs a list, a text or an object, not {right}"
    elif right == "a text" and left not in ("a text", None):
        yield f"a text holds texts only, so `{sign}` is never true of {left}"


def _mixture(node: Binary, declared: Declared) -> Iterator[str]:
    operator = node.operator
    left, right = _counting(node.left, declared), _counting(node.right, declared)
    if left is None or right is None or operator not in _FITTING:
        return
    pairs = _FITTING[operator]
    if (left, right) not in pairs and (operator != "*" or (right, left) not in pairs):
        yield (
            f"`{operator}` cannot take {left} and {right}; convert one of them first, for example "
            "with `| float`, or join texts with `~`"
        )


def _counting(node: Node, declared: Declared) -> str | None:
    """Return a kind, with booleans as numbers: true counts as 1."""
    found = kind(node, declared)
    return "a number" if found == "a boolean" else found


def kind(node: Node, declared: Declared) -> str | None:
    """Return the kind of a node's value; None where it is not known."""
    match node:
        case Literal(_, value):
            return kind_of(value)
        case Sequence():
            return "a list"
        case ObjectNode():
            return "an object"
        case Compare() | Test() | Unary("not"):
            return "a boolean"
        case Unary("-"):
            return "a number"
        case Binary("~"):
            return "a text"
        case Binary("-" | "/" | "//" | "%" | "**"):
            return "a number"
        case Filter(_, name):
            gives = FILTERS[name].gives if name in FILTERS else None
            return _KINDS.get(gives) if gives else None
        case _:
            return _declared(node, declared)


def _declared(node: Node, declared: Declared) -> str | None:
    path = path_of(node)
    if path is None or path[0] != "data" or not path[1]:
        return None
    spec: Any = {"properties": declared}
    for key in path[1]:
        if not isinstance(key, Literal) or not isinstance(spec, Mapping):
            return None
        spec = spec.get("items") if isinstance(key.value, int) else _property(spec, key.value)
    return _KINDS.get(str(spec.get("type"))) if isinstance(spec, Mapping) else None


def _property(spec: Mapping[str, Any], key: object) -> Any:
    properties = spec.get("properties")
    return properties.get(key) if isinstance(properties, Mapping) else None
