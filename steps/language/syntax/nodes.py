"""The nodes of a parsed expression."""

from typing import TypeAlias

from engine.value import value


@value(frozen=True, slots=True)
class Literal:
    """A number, text, true, false or none; `text` is how it was written."""

    text: str
    value: "bool | int | float | str | None"


@value(frozen=True, slots=True)
class Name:
    """A single name, such as `data`."""

    name: str


@value(frozen=True, slots=True)
class Attribute:
    """`of.name`, or `of[index]` where `bracketed`."""

    of: "Node"
    key: "Node"
    bracketed: bool


@value(frozen=True, slots=True)
class Slice:
    """`of[start:stop:step]`."""

    of: "Node"
    start: "Node | None"
    stop: "Node | None"
    step: "Node | None"


@value(frozen=True, slots=True)
class Arguments:
    """The arguments of a filter, test or function."""

    positional: "tuple[Node, ...]" = ()
    named: "tuple[tuple[str, Node], ...]" = ()


@value(frozen=True, slots=True)
class Call:
    """`callee(...)`."""

    callee: "Node"
    arguments: Arguments


@value(frozen=True, slots=True)
class Filter:
    """`of | name(...)`."""

    of: "Node"
    name: str
    arguments: Arguments


@value(frozen=True, slots=True)
class Test:
    """`of is name(...)`, or `is not`."""

    __test__ = False  # tells pytest that this is not a test case

    of: "Node"
    name: str
    arguments: Arguments
    negated: bool


@value(frozen=True, slots=True)
class Unary:
    """`-value`, `not value`, or `*value` among arguments."""

    operator: str
    value: "Node"


@value(frozen=True, slots=True)
class Binary:
    """Arithmetic, `~`, `and`, `or`."""

    operator: str
    left: "Node"
    right: "Node"


@value(frozen=True, slots=True)
class Compare:
    """One comparison or a chain of them: `first < second <= third`."""

    first: "Node"
    rest: "tuple[tuple[str, Node], ...]"


@value(frozen=True, slots=True)
class Choice:
    """`then if condition else otherwise`."""

    condition: "Node"
    then: "Node"
    otherwise: "Node | None"


@value(frozen=True, slots=True)
class Sequence:
    """A list, or a tuple, which becomes a list in a result."""

    items: "tuple[Node, ...]"
    opening: str


@value(frozen=True, slots=True)
class Mapping:
    """An object."""

    items: "tuple[tuple[Node, Node], ...]"


Node: TypeAlias = (
    Literal | Name | Attribute | Slice | Call | Filter | Test | Unary | Binary | Compare | Choice
    | Sequence | Mapping
)  # fmt: skip


def is_now(node: Node) -> bool:
    """Return whether a node is `now()`, with or without a zone."""
    return isinstance(node, Call) and node.callee == Name("now")


def inside(node: Node) -> list[Node]:
    """Return the direct children of a node."""
    match node:
        case Literal() | Name():
            return []
        case Attribute(of, key, _):
            return [of, key]
        case Slice(of, start, stop, step):
            return [of, *(part for part in (start, stop, step) if part is not None)]
        case Call(callee, arguments):
            return [callee, *_given(arguments)]
        case Filter(of, _, arguments) | Test(of, _, arguments):
            return [of, *_given(arguments)]
        case Unary(_, value):
            return [value]
        case Binary(_, left, right):
            return [left, right]
        case Compare(first, rest):
            return [first, *(operand for _, operand in rest)]
        case Choice(condition, then, otherwise):
            return [condition, then, *([otherwise] if otherwise is not None else [])]
        case Sequence(items):
            return list(items)
        case Mapping(pairs):
            return [part for pair in pairs for part in pair]


def walk(node: Node) -> list[Node]:
    """Return a node and all its descendants, from the outside in."""
    found, todo = [], [node]
    while todo:
        here = todo.pop()
        found.append(here)
        todo.extend(reversed(inside(here)))
    return found


def _given(arguments: Arguments) -> list[Node]:
    return [*arguments.positional, *(value for _, value in arguments.named)]
