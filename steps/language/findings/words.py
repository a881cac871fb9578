"""Finds unknown words and wrong arguments in an expression that parses.

MiniJinja looks up filters and tests only when it evaluates; here they are found earlier.
"""

from collections.abc import Collection, Iterator, Mapping

from steps.language.catalogue import FILTERS, FUNCTIONS, TESTS, Word
from steps.language.findings.foreign import FOREIGN_FILTERS, FOREIGN_TESTS
from steps.language.nearest import nearest
from steps.language.operations import METHODS
from steps.language.syntax.nodes import (
    Attribute,
    Binary,
    Call,
    Filter,
    Literal,
    Name,
    Node,
    Test,
    walk,
)
from steps.language.syntax.source import path_of

_INSTEAD = {
    "append": "add a list with `+ [...]`",
    "capitalize": "use `| capitalize`",
    "count": "use `| length`",
    "endswith": "use `is endingwith(...)`",
    "extend": "add a list with `+`",
    "find": "use `in`, as in `'x' in data.text`",
    "format": "use `'%s' | format(...)`",
    "has": "use `in`, as in `'key' in data.object`",
    "includes": "use `in`, as in `'x' in data.list`",
    "join": "use `data.list | join(', ')`",
    "length": "use `| length`",
    "lower": "use `| lower`",
    "map": "use `| map(...)`",
    "replace": "use `| replace(old, new)`",
    "slice": "use `[start:stop]`",
    "sort": "use `| sort`",
    "split": "use `| split(' ')`",
    "startswith": "use `is startingwith(...)`",
    "strip": "use `| trim`",
    "title": "use `| title`",
    "toLowerCase": "use `| lower`",
    "toString": "use `| string`",
    "toUpperCase": "use `| upper`",
    "trim": "use `| trim`",
    "upper": "use `| upper`",
}
"""The equivalents of methods in other languages."""

_OF_EACH = {"map": FILTERS, "select": TESTS, "reject": TESTS}
_OF_ATTRIBUTES = {"selectattr": TESTS, "rejectattr": TESTS}


def findings_in(root: Node) -> Iterator[str]:
    """Return the problems, from left to right."""
    from steps.language.findings.literal_arguments import refused_in  # noqa: PLC0415 - a start checks nothing

    for node in walk(root):
        yield from refused_in(node)
        match node:
            case Filter(_, name, _):
                yield from _called("filter", name, node, FILTERS)
                yield from _named_in_text(node)
            case Test(_, name, _):
                yield from _called("test", name, node, TESTS)
            case Call(Name(name), given) if name in FUNCTIONS:
                if wrong := FUNCTIONS[name].misuse(given):
                    yield f"the function {name} {wrong}"
            case Call(Name(name)):
                yield f"there is no function {name}{nearest(name, FUNCTIONS)}"
            case Call(Attribute(_, Literal(_, str(name)), False)) if name not in METHODS:
                instead = _INSTEAD.get(name)
                if instead is None and name in FILTERS:
                    instead = f"use the filter `| {name}`"
                methods = ", ".join(METHODS)
                yield f"values have no method {name}; " + (
                    instead or f"there are {methods}, of objects, and filters"
                )


def _called(what: str, name: str, node: Filter | Test, known: Mapping[str, Word]) -> Iterator[str]:
    word = known.get(name)
    if word is None:
        there = (FOREIGN_FILTERS if what == "filter" else FOREIGN_TESTS).get(name)
        hint = f"; here it is {there}" if there else nearest(name, known)
        yield f"there is no {what} {name}{hint}"
    elif wrong := word.misuse(node.arguments):
        yield f"the {what} {name} {wrong}"


def _named_in_text(node: Filter) -> Iterator[str]:
    """Check words in texts, as in `map('upper')` and `select('odd')`."""
    known = _OF_EACH.get(node.name) or _OF_ATTRIBUTES.get(node.name)
    at = 1 if node.name in _OF_ATTRIBUTES else 0
    if known is None or len(node.arguments.positional) <= at:
        return
    named = node.arguments.positional[at]
    if isinstance(named, Literal) and isinstance(named.value, str) and named.value not in known:
        what = "filter" if known is FILTERS else "test"
        yield f"there is no {what} {named.value}{nearest(named.value, known)}"


def hyphen_hint(root: Node, scope: Collection[str]) -> str | None:
    """Return how to write a key with a hyphen if `steps.get-pet` was read as a subtraction."""
    for node in walk(root):
        if not (isinstance(node, Binary) and node.operator == "-"):
            continue
        left, right = path_of(node.left), path_of(node.right)
        if left is None or right is None or not left[1] or right[0] in scope:
            continue
        key = left[1][-1]
        if isinstance(key, Literal) and isinstance(key.value, str):
            whole = f"{key.value}-{right[0]}"
            before = ".".join([left[0], *(str(getattr(k, "value", "")) for k in left[1][:-1])])
            return (
                f"{before}.{whole} is read as a subtraction; "
                f"a key with a hyphen is written {before}['{whole}']"
            )
    return None
