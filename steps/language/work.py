"""Estimates the cost of an expression in a scope before it is evaluated."""

from collections.abc import Mapping, Sequence

from engine import Json
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
        long: The units from which on it should not be evaluated on the event loop.
    """

    __slots__ = ("_nodes", "_plain", "long")

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Take the nodes of the expression's tree, as by `walk`."""
        self._nodes = tuple(reversed(nodes))
        self._plain = not any(isinstance(node, Filter | Call | Test) for node in self._nodes)
        reads_text = any(isinstance(one, Filter) and one.name in _READERS for one in self._nodes)
        self.long = LONG // 8 if reads_text else LONG

    @property
    def constant(self) -> int | None:
        """The units, if they are the same for every scope."""
        return len(self._nodes) if self._plain else None

    def in_scope(self, given: Mapping[str, Json]) -> int:
        """Return the most units that an evaluation costs; `given` holds frozen values."""
        units = len(self._nodes)
        if self._plain:
            return units
        sizes: dict[int, int] = {}
        for node in self._nodes:
            size, work = self._of(node, sizes, given)
            sizes[id(node)] = min(size, FUEL)
            units += work
        return min(units, FUEL)

    @staticmethod
    def _of(node: Node, sizes: Mapping[int, int], given: Mapping[str, Json]) -> tuple[int, int]:
        """Return the largest size of a node's value, and the cost of computing it."""
        match node:
            case Literal(_, value):
                return (units_of_text(value) if isinstance(value, str) else 1), 0
            case Name() | Attribute():
                return _named(node, sizes, given), 0
            case Filter(of, _, arguments) | Test(of, _, arguments):
                size, named = sizes[id(of)], [value for _, value in arguments.named]
                others = sum(sizes[id(value)] for value in (*arguments.positional, *named))
                whole = size * max(1, others)
                return (whole if isinstance(node, Filter) else 1), whole
            case Call(Name("now")):
                return 1, 1
            case Call(Name()):
                return FUEL, FUEL  # the size of a `range` is not known
        return sum(sizes[id(part)] for part in inside(node)), 0


def _named(node: Node, sizes: Mapping[int, int], given: Mapping[str, Json]) -> int:
    path = path_of(node)
    if path is None:
        assert isinstance(node, Attribute)  # noqa: S101 - a name alone is a path
        return sizes[id(node.of)]
    root, keys = path
    if root not in given:
        return 1
    known = [key.value for key in keys if isinstance(key, Literal)]
    found = path_in(given[root], known)[1] if len(known) == len(keys) else given[root]
    return size_of(found)
