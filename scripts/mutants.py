"""Small changes to a module, each of which a test should notice.

A mutant is a module with one change: an inverted comparison, a removed condition, a constant off
by one, another member of an enumeration, or a removed statement, argument or entry. Annotations,
docstrings, imports and assertions do not affect behaviour and are not changed.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_COMPARED: Mapping[type[ast.cmpop], Sequence[type[ast.cmpop]]] = {
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
_COMPUTED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TYPES = {
    "Callable",
    "Iterable",
    "Mapping",
    "Sequence",
    "dict",
    "frozenset",
    "list",
    "set",
    "tuple",
}
_LONGEST = 160
_GONE = object()

Members = Mapping[str, Sequence[str]]
"""The members of each enumeration by its name."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes:
        name: The function or class and the change, independent of its place in the file; numbered
            if there are several of that name.
        line: The line of the change.
        source: The whole module with the change.
    """

    name: str
    line: int
    source: str


@dataclass(frozen=True)
class _Place:
    """The place of a node: in a field of `holder`, at position `index` if that is a list."""

    holder: ast.AST
    field: str
    index: int | None
    node: Any
    within: str

    def put(self, new: object) -> None:
        """Replace the node, or remove it with `_GONE`."""
        if self.index is None:
            setattr(self.holder, self.field, new)
            return
        items = list(getattr(self.holder, self.field))
        items[self.index : self.index + 1] = [] if new is _GONE else [new]
        if not items and isinstance(self.node, ast.stmt):
            items = [ast.Pass()]
        setattr(self.holder, self.field, items)

    def told(self, new: object) -> str:
        """Return a readable description of the change, with its context if that is short."""
        if new is _GONE:
            return f"without `{_text(self.node)}`"
        before, after = _text(self.node), _text(new)
        if isinstance(self.holder, ast.expr | ast.keyword | ast.arguments | ast.Return):
            around, whole = _text(self.holder), getattr(self.holder, self.field)
            if len(around) <= _LONGEST:
                self.put(new)
                before, after = around, _text(self.holder)
                setattr(self.holder, self.field, whole)
        return f"`{before}` -> `{after}`"


def enumerations(sources: Sequence[str]) -> dict[str, list[str]]:
    """Return the members of every enumeration that the modules define."""
    return {
        node.name: [
            target.id
            for line in node.body
            if isinstance(line, ast.Assign)
            for target in line.targets
            if isinstance(target, ast.Name)
        ]
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith("Enum") for base in node.bases)
    }


def mutants(source: str, members: Members) -> Iterator[Mutant]:
    """Yield every mutant of a module once."""
    tree = ast.parse(source)
    known, names = {ast.unparse(tree)}, Counter[str]()
    for place in list(_places(tree, "")):
        for new in _instead_of(place, members):
            told, whole = place.told(new), getattr(place.holder, place.field)
            place.put(new)
            mutated = ast.unparse(ast.fix_missing_locations(tree))
            setattr(place.holder, place.field, whole)
            if mutated not in known:
                known.add(mutated)
                name = f"{place.within or 'module'}: {told}"
                names[name] += 1
                again = f" ({names[name]})" if names[name] > 1 else ""
                yield Mutant(name + again, _line(place), mutated)


def _line(place: _Place) -> int:
    return int(getattr(place.node, "lineno", 0) or getattr(place.holder, "lineno", 0))


def _text(node: Any) -> str:
    if isinstance(node, ast.match_case):
        guard = f" if {ast.unparse(node.guard)}" if node.guard else ""
        return f"case {ast.unparse(node.pattern)}{guard}"
    return ast.unparse(node).partition("\n")[0]


def _places(node: ast.AST, within: str) -> Iterator[_Place]:
    for field, value in ast.iter_fields(node):
        for index, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(item, ast.AST) or _decides_nothing(node, field, item):
                continue
            yield _Place(node, field, index, item, within)
            inner = within
            if isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                inner = f"{within}.{item.name}".lstrip(".")
            yield from _places(item, inner)


def _decides_nothing(holder: ast.AST, field: str, node: ast.AST) -> bool:
    """Return whether a node only serves readers, type checkers or imports."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Call(func=ast.Name(id="TypeVar")):
            return True
        case _ if field in ("annotation", "returns", "cause"):
            return True
    return field == "slice" and isinstance(holder, ast.Subscript) and _text(holder.value) in _TYPES


def _instead_of(place: _Place, members: Members) -> Iterator[object]:
    """Yield replacements for a node: other nodes, or `_GONE`."""
    if place.field in ("test", "guard", "ifs"):
        yield from (ast.Constant(True), ast.Constant(False))
    if _may_go(place):
        yield _GONE
    node = place.node
    match node:
        case ast.Constant():
            yield from map(ast.Constant, _other_constants(node.value))
        case ast.Attribute(value=ast.Name(id=name)) if node.attr in members.get(name, ()):
            known = members[name]
            other = known[(known.index(node.attr) + 1) % len(known)]
            yield ast.Attribute(node.value, other, node.ctx)
        case ast.Return(value=value) if value is not None and _text(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.ExceptHandler():
            yield ast.ExceptHandler(ast.Tuple([], ast.Load()), node.name, node.body)
        case ast.FormattedValue():
            yield ast.Constant("")
        case ast.Lambda():
            yield ast.Lambda(node.args, ast.Constant(None))
        case ast.Dict():
            for at in range(len(node.keys)):
                keys, values = [*node.keys], [*node.values]
                del keys[at], values[at]
                yield ast.Dict(keys, values)
        case ast.expr():
            yield from _other_results(node)
        case _:
            pass


def _may_go(place: _Place) -> bool:
    holder, node = place.holder, place.node
    if place.index is None:
        return False
    if isinstance(node, ast.stmt):
        return isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Raise)
    match holder:
        case ast.Call():
            return place.field == "keywords"
        case ast.Tuple() | ast.List() | ast.Set():
            return not isinstance(getattr(holder, "ctx", None), ast.Store)
        case ast.Match(cases=[_, _, *_]) | ast.MatchOr():
            return place.field in ("cases", "patterns")
        case _:
            return False


def _other_constants(value: object) -> Sequence[Any]:
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value + 1, value - 1]
        case str():
            return [f"{value}~"]
        case _:
            return []


def _other_results(node: ast.expr) -> Iterator[ast.expr]:
    """Yield expressions that compute something else from the same operands."""
    match node:
        case ast.Compare(ops=[*ops]):
            for at, op in enumerate(ops):
                for other in _COMPARED[type(op)]:
                    turned = [*ops[:at], other(), *ops[at + 1 :]]
                    yield ast.Compare(node.left, turned, node.comparators)
        case ast.BoolOp(values=[*values]):
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), values)
            for at in range(len(values)):
                rest = [*values[:at], *values[at + 1 :]]
                yield ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _COMPUTED:
            yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            yield ast.Call(ast.Name(_CALLED[name], ast.Load()), node.args, node.keywords)
        case ast.Call(func=ast.Name(id="round"), args=[value]):
            yield value
        case _:
            pass
