"""Writes nodes as text for MiniJinja, replacing some operations by checked calls."""

from collections.abc import Sequence as Ordered

from steps.language.catalogue import FILTERS, positions
from steps.language.frozen import REACHABLE
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
_OF_TEXTS = frozenset(
    {"capitalize", "lower", "replace", "string", "striptags", "title", "trim", "upper"}
)
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
        if isinstance(node, Attribute) and _may_name_a_method(node.key):
            return f"_at({self._text(node.of)}, {self._text(node.key)})"
        return self._asked(node, level)

    def _asked(self, node: Node, level: int) -> str:
        """Write the operand of a test, which may be missing."""
        text, own = self._done[id(node)]
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
                return f"-{self._text(value, _SIGN)}", _SIGN
            case Unary("*" | "**" as star, value):
                return f"{star}{self._text(value)}", _WHOLE
            case Unary(_, value):
                return f"not {self._text(value, _NOT)}", _NOT
            case Sequence(items, opening):
                return self._sequence(items, opening), _WHOLE
            case Mapping(pairs):
                inner = ", ".join(f"{self._said(k, _CHOICE)}: {self._member(v)}" for k, v in pairs)
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
                receiver = f"'{name}', {self._text(of)}"
                return f"_method({', '.join([receiver, *self._given(given)])})", _PART
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
        if not _ORDERING.isdisjoint(signs):
            texts = [self._text(operand) for operand in operands]
        elif all(map(_is_something, operands)) and _may_mix_kinds(operands, signs):
            texts = [self._there(operand, _CHOICE) for operand in operands]
        else:
            texts = [self._text(operand, _SUM) for operand in operands]
            after = [f" {sign} {text}" for sign, text in zip(signs, texts[1:], strict=True)]
            return texts[0] + "".join(after), _COMPARE
        rest = [f"'{sign}', {text}" for sign, text in zip(signs, texts[1:], strict=True)]
        return f"_compare({', '.join([texts[0], *rest])})", _PART

    def _filter(self, node: Filter) -> Written:
        arguments = self._arranged(node)
        given = self._given(arguments)
        if node.name == "format":
            given[: len(arguments.positional)] = [
                self._said(value, _CHOICE) for value in arguments.positional
            ]
        path = path_of(node.of)
        if node.name in ("default", "d") and path and path[1] and len(given) <= 2:  # noqa: PLR2004
            default, lax = [*given, *["''", "false"][len(given) :]]
            return f"_at_or({default}, {lax}, {self._path(path)})", _PART
        of = self._text(node.of, _OPERAND)
        if node.name in ("max", "min", "sort"):
            attribute = dict(arguments.named).get("attribute")
            also = f", {self._text(attribute)}" if attribute is not None else ""
            of += f" | _one_kind('{node.name}'{also})"
        elif node.name == "wordwrap":
            of = f"{self._there(node.of)} | _wrappable"
        elif node.name in _OF_TEXTS:
            of = self._said(node.of, _OPERAND)
        elif node.name in ("int", "float"):
            is_there = (path is not None and path[1]) or isinstance(node.of, Literal)
            of = f"_figure({self._there(node.of, _CHOICE)})" if is_there else of
        elif node.name in _OF_ATTRIBUTES or node.name in _BY_ATTRIBUTE:
            of = self._there(node.of) + self._of_attribute(node.name, arguments)
        elif node.name not in ("default", "d"):
            of = self._there(node.of)
        exact = " | _whole" if node.name == "int" else ""
        return f"{of} | {node.name}" + (f"({', '.join(given)})" if given else "") + exact, _OPERAND

    def _of_attribute(self, name: str, arguments: Arguments) -> str:
        """Add a check of the items for filters that treat a missing attribute as empty."""
        named = dict(arguments.named)
        attribute = named.get("attribute")
        if name in _PLACES:
            attribute = next(iter(arguments.positional[_PLACES[name] :]), attribute)
        also = f", {self._text(attribute)}" if attribute is not None else ""
        clear = f" | _of_clear_kind('{name}'{also})" if name in ("groupby", "unique") else ""
        may_lack_it = "default" in named or name in _BY_ATTRIBUTE
        if attribute is not None and (not may_lack_it or _may_name_a_method(attribute)):
            return f"{clear} | _having('{name}', {self._text(attribute)})"
        if clear:
            return clear
        return " | _texts" if name == "join" else ""

    def _there(self, node: Node, level: int = _OPERAND) -> str:
        """Write a value that must exist; some filters treat a missing value as empty."""
        path = path_of(node)
        return f"_at({self._path(path)})" if path and path[1] else self._text(node, level)

    def _member(self, node: Node) -> str:
        """Write a member of a list or an object; MiniJinja would make a missing one null."""
        match node:
            case Choice(condition, then, otherwise):
                other = "_at({}, '')" if otherwise is None else self._there(otherwise, _CHOICE)
                return f"{self._there(then, _OR)} if {self._text(condition, _OR)} else {other}"
            case Binary("and" | "or" as word, left, right):
                level = _LEVELS[word]
                return f"{self._text(left, level)} {word} {self._there(right, level + 1)}"
        return self._there(node, _CHOICE)

    def _said(self, node: Node, level: int) -> str:
        """Write a value that becomes part of a text, in JSON notation."""
        path = path_of(node)
        if path and path[1]:
            return f"_text_at({self._path(path)})"
        return f"_text_at({self._text(node)})" if _is_no_text(node) else self._text(node, level)

    def _arranged(self, node: Filter) -> Arguments:
        """Return the arguments as MiniJinja takes them: some only by name, others positional."""
        known = FILTERS.get(node.name)
        return positions(known, node.arguments) if known else node.arguments

    def _test(self, node: Test) -> Written:
        path = path_of(node.of)
        if node.name in ("defined", "undefined") and path and path[1]:
            there = node.negated == (node.name == "undefined")
            return ("" if there else "not ") + f"_has({self._path(path)})", _PART if there else _NOT
        given = self._given(node.arguments)
        word = "is not" if node.negated else "is"
        called = f"{node.name}({', '.join(given)})"
        return f"{self._asked(node.of, _OPERAND)} {word} {called}", _OPERAND

    def _path(self, path: tuple[str, tuple[Node, ...]]) -> str:
        return ", ".join([path[0], *(self._text(key) for key in path[1])])

    def _given(self, arguments: Arguments) -> list[str]:
        texts = [self._text(value) for value in arguments.positional]
        return texts + [f"{name}={self._text(value, _OR)}" for name, value in arguments.named]

    def _sequence(self, items: tuple[Node, ...], opening: str) -> str:
        inner = ", ".join(self._member(item) for item in items)
        if opening == "[":
            return f"[{inner}]"
        return f"({inner},)" if len(items) == 1 else f"({inner})"


def _may_name_a_method(key: Node) -> bool:
    """Return whether MiniJinja may find a method of an object, or a place, under a key."""
    if not isinstance(key, Literal) or isinstance(key.value, bool):
        return True
    return not REACHABLE.isdisjoint(str(key.value).split("."))


def _may_mix_kinds(operands: Ordered[Node], signs: Ordered[str]) -> bool:
    """Return whether a boolean may meet a number, or `in` a text; MiniJinja may find them equal."""
    literals = [node for node in operands if isinstance(node, Literal)]
    is_equality = all(sign in ("==", "!=") for sign in signs)
    return not is_equality or all(isinstance(one.value, bool | int | float) for one in literals)


def _is_something(node: Node) -> bool:
    """Return whether a value exists, or its absence is found by `_there`."""
    match node:
        case Attribute():
            return path_of(node) is not None
        case Binary(operator):
            return operator not in ("and", "or")
        case Filter(_, name):
            return name in FILTERS and FILTERS[name].gives is not None
    return isinstance(node, Literal | Unary | Compare | Test | Sequence | Mapping)


def _is_no_text(node: Node) -> bool:
    """Return whether a value exists and is never a text, so that it needs JSON notation."""
    match node:
        case Literal(_, value):
            return value is None or isinstance(value, bool)
        case Unary("not", _) | Compare() | Test() | Sequence() | Mapping():
            return True
        case Filter(_, name):
            word = FILTERS.get(name)
            return word is not None and word.gives in ("array", "boolean", "object")
    return False


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
