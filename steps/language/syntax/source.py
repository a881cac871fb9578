"""Writes nodes as text for MiniJinja, replacing some operations by checked calls."""

from collections.abc import Sequence as Ordered

from steps.language.catalogue import FILTERS, TESTS, positions
from steps.language.operands import MAKE_TEXTS, READY
from steps.language.operations import METHODS
from steps.language.syntax.nodes import (
    Arguments,
    Attribute,
    Binary,
    Call,
    Choice,
    Compare,
    Filter,
    Literal,
    Mapping,
    Name,
    Node,
    Sequence,
    Slice,
    Test,
    Unary,
)

_PLACES = {"groupby": 0, "join": 1, "sum": 0, "selectattr": 0, "rejectattr": 0}
"""Parameters in which an attribute may be given without a name."""

_OF_ATTRIBUTES = frozenset({"groupby", "join", "map", "sum", "unique"})
_BY_ATTRIBUTE = frozenset({"rejectattr", "selectattr"})
_INTO_TEXTS = frozenset({"format", "join", "replace"})
"""The filters whose arguments become parts of a text."""

_OF_LISTS = frozenset({"chain", "zip"})
"""The filters whose arguments are lists."""

_ORDERING = frozenset({"<", "<=", ">", ">="})
_LEVELS = {"or": 1, "and": 2, "+": 5, "-": 5, "~": 6, "*": 7, "/": 7, "//": 7, "%": 7, "**": 8}
_CHOICE, _OR, _NOT, _COMPARE, _SUM, _OPERAND, _SIGN, _PART, _WHOLE = 0, 1, 3, 4, 5, 9, 10, 11, 12
"""How tightly a written node binds; a looser one is put in parentheses."""

Written = tuple[str, int]


def source_of(nodes: Ordered[Node]) -> str:
    """Return the text that MiniJinja evaluates; `nodes` are those of the tree, as by `walk`."""
    writer = _Writer({})
    for node in reversed(nodes):  # the inner ones first, without recursion
        writer.add(node)
    return writer.text_of(nodes[0])


def path_of(node: Node) -> tuple[str, tuple[Node, ...]] | None:
    """Return the root and the keys of `data.a['b'].c`; None for anything but such a path."""
    keys: list[Node] = []
    while isinstance(node, Attribute):
        keys.append(node.key)
        node = node.of
    return (node.name, tuple(reversed(keys))) if isinstance(node, Name) else None


class _Writer:
    def __init__(self, done: dict[int, Written]) -> None:
        self._done = done

    def add(self, node: Node) -> None:
        """Write a node whose children are written."""
        self._done[id(node)] = self._write(node)

    def text_of(self, node: Node) -> str:
        """Return the written text of a node."""
        return self._text(node)

    def _text(self, node: Node, level: int = _CHOICE) -> str:
        if isinstance(node, Attribute) and _may_be_a_place(node.key):
            return f"_at({self._text(node.of)}, {self._text(node.key)})"
        return self._asked(node, level)

    def _asked(self, node: Node, level: int) -> str:
        """Write the operand of a test, which may be missing."""
        text, own = (node.text, _WHOLE) if isinstance(node, Literal) else self._done[id(node)]
        return text if own >= level else f"({text})"

    def _base(self, node: Node) -> str:
        """Write the operand of a dot or a bracket; a number needs parentheses before a dot."""
        if isinstance(node, Literal) and node.text[0].isdigit():
            return f"({node.text})"
        return self._text(node, _PART)

    def _write(self, node: Node) -> Written:
        match node:
            case Literal(text):
                return text, _WHOLE
            case Name(name):
                return name, _WHOLE
            case Attribute(of, key, bracketed):
                part = f"[{self._text(key)}]" if bracketed else f".{_bare(key)}"
                return f"{self._base(of)}{part}", _PART
            case Slice(of, start, stop, step):
                bounds = ":".join("" if b is None else self._text(b) for b in (start, stop, step))
                return f"{self._base(of)}[{bounds}]", _PART
            case Unary("-", value):
                return f"-{self._there(value, _SIGN)}", _SIGN
            case Unary("*" | "**" as star, value):
                return f"{star}{self._there(value)}", _WHOLE
            case Unary(_, value):
                return f"not {self._text(value, _NOT)}", _NOT
            case Sequence(items, opening):
                return self._sequence(items, opening), _WHOLE
            case Mapping(pairs):
                inner = ", ".join(f"{self._said(k)}: {self._there(v)}" for k, v in pairs)
                return "{" + inner + "}", _WHOLE
            case Choice(condition, then, otherwise):
                text = f"{self._text(then, _OR)} if {self._text(condition, _OR)}"
                return f"{text} else {self._text(otherwise)}" if otherwise else text, _CHOICE
            case _:
                return self._operation(node)

    def _operation(self, node: Node) -> Written:
        match node:
            case Binary("*"):
                factors = ", ".join(self._text(factor) for factor in _factors(node))
                return f"_multiply({factors})", _PART
            case Binary("~", left, right):
                level = _LEVELS["~"]
                return f"{self._said(left, level)} ~ {self._said(right, level + 1)}", level
            case Binary(operator, left, right):
                level = _LEVELS[operator]
                return f"{self._text(left, level)} {operator} {self._text(right, level + 1)}", level
            case Compare():
                return self._comparison(node)
            case Call(Attribute(of, Literal(_, str(name)), False), given) if name in METHODS:
                receiver, lazy = [f"'{name}'", self._there(of)], given.positional[1:]
                first = self._given(Arguments(given.positional[:1], given.named))
                given_later = [self._if_there(value) for value in lazy]
                return f"_method({', '.join([*receiver, *first, *given_later])})", _PART
            case Call(Name("now"), given):
                zone = self._given(given)
                return (f"now | date_in({zone[0]})", _OPERAND) if zone else ("now", _WHOLE)
            case Call(callee, given):
                return f"{self._text(callee, _PART)}({', '.join(self._given(given))})", _PART
            case Filter():
                return self._filter(node)
            case Test():
                return self._test(node)
        raise AssertionError(node)

    def _comparison(self, node: Compare) -> Written:
        operands = [node.first, *(operand for _, operand in node.rest)]
        signs = [sign for sign, _ in node.rest]
        if _ORDERING.isdisjoint(signs) and not _may_mix_kinds(operands, signs):
            texts = [self._text(operand, _SUM) for operand in operands]
            after = [f" {sign} {text}" for sign, text in zip(signs, texts[1:], strict=True)]
            return texts[0] + "".join(after), _COMPARE
        texts = [self._there(operand) for operand in operands]
        rest = [f"'{sign}', {text}" for sign, text in zip(signs, texts[1:], strict=True)]
        return f"_compare({', '.join([texts[0], *rest])})", _PART

    def _filter(self, node: Filter) -> Written:
        arguments = self._arranged(node)
        given, name = self._given(arguments, node.name), node.name
        path = path_of(node.of)
        if name in ("default", "d"):
            values = [*arguments.positional, *(value for _, value in arguments.named)]
            if path and path[1] and len(values) <= 2:  # noqa: PLR2004 - what `default` takes
                default, lax = [*map(self._if_there, values), *["''", "false"][len(values) :]]
                return f"_at_or({default}, {lax}, {self._path(path)})", _PART
            of, given = self._text(node.of, _OPERAND), [*map(self._text, values)]
        elif name in ("max", "min", "sort"):
            attribute = dict(arguments.named).get("attribute")
            also = f", {self._there(attribute)}" if attribute is not None else ""
            of = f"_one_kind({self._there(node.of)}, '{name}'{also})"
        elif name in MAKE_TEXTS:
            of = self._said(node.of, _OPERAND)
        elif name in ("int", "float"):
            has_default = bool(arguments.positional) or "default" in dict(arguments.named)
            of = f"_figure({self._there(node.of)})" if has_default else self._ready(name, node.of)
        elif name in _OF_ATTRIBUTES or name in _BY_ATTRIBUTE:
            of, given = self._of_attribute(node, arguments, given)
        elif name in READY:
            of = self._ready(name, node.of)
        else:
            of = self._there(node.of, _OPERAND)
        if name == "split" and arguments.positional:
            given[0] = f"_separator({given[0]})"
        text = f"{of} | {name}" + (f"({', '.join(given)})" if given else "")
        are_cut = name == "int" or (name == "map" and given[:1] == ["'int'"])
        return (f"_whole({text})", _PART) if are_cut else (text, _OPERAND)

    def _of_attribute(
        self, node: Filter, arguments: Arguments, given: list[str]
    ) -> tuple[str, list[str]]:
        """Write a list, with a check of its items if the filter takes a missing attribute."""
        name, named = node.name, dict(arguments.named)
        attribute = named.get("attribute")
        if name in _PLACES:
            attribute = next(iter(arguments.positional[_PLACES[name] :]), attribute)
        if attribute is None:
            return self._of_items(node, given), given
        of, also = self._there(node.of, _OPERAND), f", {self._there(attribute)}"
        if name in ("groupby", "unique"):
            of = f"_of_clear_kind({of}, '{name}'{also})"
        if "default" not in named and name not in _BY_ATTRIBUTE:
            of = f"_having({of}, '{name}'{also})"
        elif name in READY:
            of = f"_ready('{name}', {of})"
        if name != "join":
            return of, given
        parts = f"{of} | map(attribute={self._there(attribute)}, default='')"
        return f"_texts({parts})", given[: len(arguments.positional[:1])]

    def _of_items(self, node: Filter, given: list[str]) -> str:
        """Write the list before a filter that is given no attribute."""
        match node.name:
            case "join":
                return f"_texts({self._there(node.of)})"
            case "groupby" | "unique":
                return f"_of_clear_kind({self._there(node.of)}, '{node.name}')"
            case "map" if given and not given[0].startswith("default="):
                return f"_each_ready({given[0]}, {', '.join([self._there(node.of), *given[1:]])})"
            case "sum":
                return self._there(node.of, _OPERAND)
        return self._ready(node.name, node.of)

    def _there(self, node: Node, level: int = _CHOICE) -> str:
        """Write a value that must exist; MiniJinja would pass a missing one as null."""
        path = path_of(node)
        if path and path[1]:
            return f"_at({self._path(path)})"
        if _is_something(node):
            return self._text(node, level)
        return f"_at({self._if_there(node)})"

    def _if_there(self, node: Node) -> str:
        """Write a value that must exist only if it is used."""
        if _is_something(node) and not isinstance(node, Attribute):
            return self._text(node)
        return f"{self._text(node, _OPERAND)} | default(_absent)"

    def _said(self, node: Node, level: int = _CHOICE) -> str:
        """Write a value that becomes part of a text, in JSON notation."""
        path = path_of(node)
        if path and path[1]:
            return f"_text_at({self._path(path)})"
        return self._text(node, level) if _is_text(node) else f"_text_at({self._if_there(node)})"

    def _ready(self, name: str, node: Node) -> str:
        """Write a value as a filter may receive it."""
        path = path_of(node)
        if path and path[1]:
            return f"_ready('{name}', {self._path(path)})"
        return f"_ready('{name}', {self._if_there(node)})"

    def _arranged(self, node: Filter) -> Arguments:
        """Return the arguments as MiniJinja takes them: some only by name, others positional."""
        known = FILTERS.get(node.name)
        return positions(known, node.arguments) if known else node.arguments

    def _test(self, node: Test) -> Written:
        path = path_of(node.of)
        if node.name in ("defined", "undefined") and path and path[1]:
            there = node.negated == (node.name == "undefined")
            return ("" if there else "not ") + f"_has({self._path(path)})", _PART if there else _NOT
        known = TESTS.get(node.name)
        given = self._given(positions(known, node.arguments) if known else node.arguments)
        word = "is not" if node.negated else "is"
        of = self._there(node.of, _OPERAND) if given else self._asked(node.of, _OPERAND)
        return f"{of} {word} {node.name}({', '.join(given)})", _OPERAND

    def _path(self, path: tuple[str, tuple[Node, ...]]) -> str:
        return ", ".join([path[0], *(self._text(key) for key in path[1])])

    def _given(self, arguments: Arguments, filter_name: str = "") -> list[str]:
        of_map = filter_name == "map" and _named_by(arguments)
        texts = [self._argument(value, of_map or filter_name) for value in arguments.positional]
        return texts + [f"{name}={self._there(value, _OR)}" for name, value in arguments.named]

    def _argument(self, value: Node, filter_name: str) -> str:
        if isinstance(value, Unary) and value.operator in ("*", "**"):
            return self._text(value)
        if filter_name in _INTO_TEXTS:
            return self._said(value)
        return self._ready(filter_name, value) if filter_name in _OF_LISTS else self._there(value)

    def _sequence(self, items: tuple[Node, ...], opening: str) -> str:
        inner = ", ".join(self._there(item) for item in items)
        if opening == "[":
            return f"[{inner}]"
        return f"({inner},)" if len(items) == 1 else f"({inner})"


def _may_be_a_place(key: Node) -> bool:
    """Return whether MiniJinja may take a key that is no number for a place in a list."""
    return not isinstance(key, Literal) or isinstance(key.value, bool)


def _may_mix_kinds(operands: Ordered[Node], signs: Ordered[str]) -> bool:
    """Return whether a boolean may meet a number, or `in` a text; MiniJinja may find them equal."""
    literals = [node for node in operands if isinstance(node, Literal)]
    is_equality = all(sign in ("==", "!=") for sign in signs)
    return not is_equality or all(isinstance(one.value, bool | int | float) for one in literals)


def _is_something(node: Node) -> bool:
    """Return whether a value always exists, or its absence is always an error."""
    match node:
        case Binary(operator):
            return operator not in ("and", "or")
        case Filter(_, name):
            return name in FILTERS and FILTERS[name].gives is not None
    return not isinstance(node, Attribute | Choice | Name)


def _is_text(node: Node) -> bool:
    """Return whether a value exists and is a text, or a number that is written alike."""
    match node:
        case Literal(_, value):
            return isinstance(value, str | int | float) and not isinstance(value, bool)
        case Binary(operator):
            return operator in ("~", "-", "/", "//", "%", "**")
        case Filter(_, name):
            word = FILTERS.get(name)
            return word is not None and word.gives in ("string", "number", "integer")
    return False


def _named_by(arguments: Arguments) -> str:
    """Return the name of the filter that `map` calls; empty if it is known only in a run."""
    first = next(iter(arguments.positional), None)
    return first.value if isinstance(first, Literal) and isinstance(first.value, str) else ""


def _factors(node: Node) -> list[Node]:
    """Return the factors of `a * b * c`, so that a long chain becomes one call."""
    factors: list[Node] = []
    while isinstance(node, Binary) and node.operator == "*":
        factors.append(node.right)
        node = node.left
    return [node, *reversed(factors)]


def _bare(key: Node) -> str:
    assert isinstance(key, Literal)  # noqa: S101 - the parser guarantees it
    return str(key.value)
