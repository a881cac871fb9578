"""Maps paths to targets: one lookup per part of the path, however many routes there are."""

from typing import Generic, TypeVar

T = TypeVar("T")

_MOST_KEPT = 1_000
_LONGEST_KEPT = 200
"""How many found paths are kept, and how long they may be."""


class RouteTable(Generic[T]):
    """Paths such as `/runs/{id}`; a parameter matches one non-empty part of a path.

    A literal part takes precedence over a parameter in its place. `/guide/{path...}` matches any
    rest of a path, even an empty one, if no other path fits.
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._folders: dict[str, tuple[str, T]] = {}
        self._recent: dict[str, tuple[T, dict[str, str]]] = {}

    def add(self, path: str, target: T) -> None:
        """Map a path to `target`. Raises `ValueError` if the path is mapped already."""
        if path.endswith("...}"):
            folder, _, name = path.partition("{")
            self._folders[folder] = (name.removesuffix("...}"), target)
            return
        node, names = self._root, []
        for part in path.split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.parts.setdefault(part, _Node())
        if node.target is not None:
            raise ValueError(f"{path} is mapped already")
        node.target, node.names = target, tuple(names)

    def find(self, path: str) -> tuple[T, dict[str, str]] | None:
        """Return the target of a path, with its parameters, or None."""
        if (known := self._recent.get(path)) is not None:
            return known
        found = self._found(path)
        if found is not None and len(path) <= _LONGEST_KEPT:
            if len(self._recent) >= _MOST_KEPT:
                self._recent.clear()
            self._recent[path] = found
        return found

    def _found(self, path: str) -> tuple[T, dict[str, str]] | None:
        values: list[str] = []
        node = _find(self._root, path.split("/"), 0, values)
        if node is None or node.target is None:
            return self._find_folder(path)
        return node.target, dict(zip(node.names, values, strict=True))

    def _find_folder(self, path: str) -> tuple[T, dict[str, str]] | None:
        for folder, (name, target) in self._folders.items():
            if path.startswith(folder):
                return target, {name: path.removeprefix(folder)}
        return None


class _Node(Generic[T]):
    __slots__ = ("any", "names", "parts", "target")

    def __init__(self) -> None:
        self.parts: dict[str, _Node[T]] = {}
        self.any: _Node[T] | None = None
        self.target: T | None = None
        self.names: tuple[str, ...] = ()


def _find(node: _Node[T] | None, parts: list[str], at: int, values: list[str]) -> _Node[T] | None:
    for place in range(at, len(parts)):
        if node is None:
            return None
        part, any_part = parts[place], node.any
        node = node.parts.get(part)
        if any_part is None or not part:
            continue
        if node is not None:  # either may match
            found = _find(node, parts, place + 1, values)
            if found is not None:
                return found
        values.append(part)
        found = _find(any_part, parts, place + 1, values)
        if found is None:
            values.pop()
        return found
    return node if node is not None and node.target is not None else None
