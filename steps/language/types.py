"""The kinds of values that an expression gives, as far as declared types tell."""

from collections.abc import Iterator, Mapping
from typing import Any

from steps.language.catalogue import FILTERS
from steps.language.nodes import (
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
from steps.language.nodes import Mapping as ObjectNode
from steps.language.operations import kind_of
from steps.language.source import path_of

_KINDS = {
    "string": "a text", "file": "a text", "number": "a number", "integer": "a number",
    "boolean": "a boolean", "object": "an object", "array": "a list",
}  # fmt: skip
_ORDERING = frozenset({"<", "<=", ">", ">="})

Declared = Mapping[str, Mapping[str, Any]]
"""The spec of each name of `data` whose type is known."""


def crossings_in(root: Node, declared: Declared) -> Iterator[str]:
    """Return the comparisons that are of two kinds whatever the data holds."""
    for node in walk(root):
        if not isinstance(node, Compare):
            continue
        left = node.first
        for sign, right in node.rest:
            kinds = kind(left, declared), kind(right, declared)
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
