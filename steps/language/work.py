"""Estimates the cost of an expression in a scope before it is evaluated."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine import Json
from engine.value import value
from steps.language.allowance import units_of_text
from steps.language.beside import LONG
from steps.language.frozen import size_of
from steps.language.operations import path_in
from steps.language.syntax.nodes import Attribute, Call, Filter, Literal, Name, Node, Test, inside
from steps.language.syntax.source import path_of

FUEL = 100_000
"""MiniJinja's operations for one expression, and so its highest cost."""


_READERS = frozenset(
    {"from_csv", "from_json", "lines", "list", "regex_findall", "regex_split", "split"}
)
"""Filters that make many values of a text, where a unit is `CHARACTERS_A_UNIT` of them."""


class Work:
    """The cost of one expression, computed from the sizes of the values that it names.

    Attributes:
        is_plain: Whether it costs the same in every scope.
        long: The units from which on it should not be evaluated on the event loop.
    """

    __slots__ = ("_parts", "_units", "is_plain", "long")

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Take the nodes of the expression's tree, as by `walk`."""
        self._units = len(nodes)
        self.is_plain = not any(isinstance(node, Filter | Call | Test) for node in nodes)
        reads_text = any(isinstance(one, Filter) and one.name in _READERS for one in nodes)
        self.long = LONG // 8 if reads_text else LONG
        self._parts = () if self.is_plain else _parts_of(nodes)

    @property
    def constant(self) -> int | None:
        """The units, if they are the same for every scope."""
        return self._units if self.is_plain else None

    def in_scope(self, given: Mapping[str, Json]) -> int:
        """Return the most units that an evaluation costs; `given` holds frozen values."""
        units = self._units
        sizes: list[int] = []
        for part in self._parts:
            size, work = part.size, part.work
            if part.path is not None:
                size = _size_in(given, *part.path)
            elif part.filtered is not None:
                size = sizes[part.filtered]
                for at in part.inner:
                    work += sizes[at]
                work = size * (work or 1)
                size = 1 if part.is_test else work
            else:
                for at in part.inner:
                    size += sizes[at]
            sizes.append(min(size, FUEL))
            units += work
        return min(units, FUEL)


@value(frozen=True, slots=True)
class _Part:
    """A node whose size matters.

    Attributes:
        size: The largest size of its value, without `inner`.
        work: The units of computing it, without `inner`.
        path: The root and the keys of the value that it names.
        filtered: The part that a filter or a test is applied to.
        inner: Its other parts.
    """

    size: int = 0
    work: int = 0
    path: tuple[str, tuple[Any, ...]] | None = None
    filtered: int | None = None
    inner: tuple[int, ...] = ()
    is_test: bool = False


def _parts_of(nodes: Sequence[Node]) -> tuple[_Part, ...]:
    """Return what the size of a scope's values is computed from, the inner parts first."""
    within: set[int] = set()
    """The nodes inside of paths, whose size does not matter."""
    for node in nodes:  # from the outside in
        if isinstance(node, Attribute) and isinstance(node.key, Literal):
            within.add(id(node.key))
        if isinstance(node, Attribute) and path_of(node) is not None:
            within.add(id(node.of))
    parts: list[_Part] = []
    places: dict[int, int] = {}
    for node in reversed(nodes):
        if id(node) not in within:
            places[id(node)] = len(parts)
            parts.append(_part(node, places))
    return tuple(parts)


def _part(node: Node, places: Mapping[int, int]) -> _Part:
    match node:
        case Literal(_, item):
            return _Part(units_of_text(item) if isinstance(item, str) else 1)
        case Name() | Attribute():
            path = path_of(node)
            if path is None:
                assert isinstance(node, Attribute)  # noqa: S101 - a name alone is a path
                return _Part(inner=(places[id(node.of)],))
            root, keys = path
            known = tuple(key.value for key in keys if isinstance(key, Literal))
            return _Part(path=(root, known if len(known) == len(keys) else ()))
        case Filter(of, _, arguments) | Test(of, _, arguments):
            given = (*arguments.positional, *(item for _, item in arguments.named))
            inner = tuple(places[id(item)] for item in given)
            return _Part(filtered=places[id(of)], inner=inner, is_test=isinstance(node, Test))
        case Call(Name("now")):
            return _Part(1, 1)
        case Call(Name()):
            return _Part(FUEL, FUEL)  # the size of a `range` is not known
    return _Part(inner=tuple(places[id(item)] for item in inside(node)))


def _size_in(given: Mapping[str, Json], root: str, keys: tuple[Any, ...]) -> int:
    found = given.get(root)
    for key in keys:
        if not isinstance(found, dict):
            return size_of(path_in(given.get(root), keys)[1])
        found = dict.get(found, key)
    return size_of(found)
