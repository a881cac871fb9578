"""Finds the paths that an expression reads, and which of them it checks for existence first."""

from collections.abc import Iterator, Mapping

from engine import Json
from engine.value import value
from steps.language.operations import METHODS, path_in
from steps.language.syntax.nodes import Attribute, Call, Filter, Literal, Name, Node, Test, inside

_ASKING = frozenset({"default", "d", "defined", "undefined"})


@value(frozen=True, slots=True)
class Path:
    """A name and the keys that follow it, as far as they are literals.

    Attributes:
        asked: Whether the expression checks for existence (`is defined`, `default()`).
        dotted: Whether all keys follow dots.
    """

    root: str
    keys: tuple[str | int, ...]
    asked: bool = False
    dotted: bool = True

    def __str__(self) -> str:
        text = self.root
        for key in self.keys:
            if isinstance(key, str) and key.isidentifier():
                text += f".{key}"
            else:
                text += f"[{str(key).lower() if isinstance(key, bool) else repr(key)}]"
        return text


def paths_of(root: Node) -> list[Path]:
    """Return every path that an expression reads, from left to right."""
    found: list[Path] = []
    todo: list[tuple[Node, bool]] = [(root, False)]
    while todo:
        node, asked = todo.pop()
        if isinstance(node, Attribute | Name):
            path, rest = _path(node, asked=asked)
            found += [path] if path else []
            todo += [(part, False) for part in reversed(rest)]
            continue
        asks = isinstance(node, Filter | Test) and node.name in _ASKING
        callee = node.callee if isinstance(node, Call) else None
        for part in reversed(inside(node)):
            if part is callee and isinstance(part, Attribute) and _is_method(part):
                part = part.of  # noqa: PLW2901 - a method is no key
            todo.append((part, asks and not isinstance(node, Literal) and part is node.of))  # type: ignore[union-attr]
    return found


def _is_method(node: Attribute) -> bool:
    return isinstance(node.key, Literal) and node.key.value in METHODS and not node.bracketed


def _path(node: Node, *, asked: bool) -> tuple[Path | None, list[Node]]:
    """Return the path that ends in `node`, and the other nodes that are read with it."""
    keys: list[Node] = []
    dotted = True
    while isinstance(node, Attribute):
        keys.append(node.key)
        dotted &= not node.bracketed
        node = node.of
    keys.reverse()
    rest: list[Node] = [key for key in keys if not isinstance(key, Literal)]
    if not isinstance(node, Name):
        return None, [node, *rest]
    known: list[str | int] = []
    for key in keys:
        if not isinstance(key, Literal) or not isinstance(key.value, str | int):
            break
        known.append(key.value)
    return Path(node.name, tuple(known), asked, dotted), rest


def missing_in(paths: list[Path], scope: Mapping[str, Json]) -> Iterator[Path]:
    """Return the paths that are missing in `scope`, each up to the first missing part."""
    for path in paths:
        if path.asked:
            continue
        if path.root not in scope:
            yield Path(path.root, ())
            continue
        for length in range(1, len(path.keys) + 1):
            if not path_in(scope[path.root], path.keys[:length])[0]:
                yield Path(path.root, path.keys[:length])
                break
