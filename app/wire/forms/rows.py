"""Lists and objects in forms, with one field per value, such as `lines[0].sum`."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from engine import Json, JsonObject
from steps.contract.step_type import MOST_PROBLEMS, Problem

_INSIDE = re.compile(r"\[([0-9]{1,3})\]|\.([^.\[\]]+)")
_PLAIN = re.compile(r"[^.\[\]]+")
_LAST = re.compile(r"\[([0-9]{1,3})\]\Z")
_DEEPEST = 32
Text = str | list[str]
Leaf = Callable[[str, str], Json]
"""Converts a text to a type."""


class Tree:
    """The texts at and below one name.

    Attributes:
        text: The text of the name itself, or None.
        parts: The trees below it, by key or index.
    """

    def __init__(self) -> None:
        self.text: Text | None = None
        self.parts: dict[str | int, Tree] = {}

    def rows(self) -> list["Tree"]:
        """Return the parts of a list in order."""
        return [self.parts[index] for index in self.indexes()]

    def indexes(self) -> list[int]:
        """Return the indexes of a list's parts in order."""
        return sorted(one for one in self.parts if isinstance(one, int))


def is_rows(spec: Mapping[str, Any]) -> bool:
    """Return whether a form asks for a list row by row, or for an object field by field."""
    if spec.get("type") == "array":
        items = spec.get("items")
        return isinstance(items, dict) and "type" in items and _is_formed(items)
    return spec.get("type") == "object" and bool(spec.get("properties")) and _is_formed(spec)


def _is_formed(spec: Mapping[str, Any]) -> bool:
    """Return whether a value of this spec has one form field, or one field per part."""
    kind = spec.get("type")
    if kind == "array":
        return is_rows(spec)
    if kind != "object":
        return True
    nested = spec.get("properties") or {}
    return bool(nested) and all(
        _PLAIN.fullmatch(name) and _is_formed(inner) for name, inner in nested.items()
    )


def trees_of(texts: Mapping[str, Text], specs: Mapping[str, JsonObject]) -> dict[str, Tree]:
    """Return the texts of fields that a form shows in parts, by field.

    Args:
        texts: Texts by their names in the form.
        specs: The specs of its fields.

    Returns:
        The trees of the fields for which the form has any text.
    """
    found: dict[str, Tree] = {}
    in_parts = {name for name, spec in specs.items() if is_rows(spec)}
    for name, text in texts.items():
        root = _PLAIN.match(name)
        if root is None or (name in specs and name not in in_parts):
            continue
        keys = _keys(name[root.end() :])
        if root[0] in in_parts and keys is not None:
            node = found.setdefault(root[0], Tree())
            for key in keys:
                node = node.parts.setdefault(key, Tree())
            node.text = text
    return {name: tree for name, tree in found.items() if tree.parts}


def _keys(rest: str) -> list[str | int] | None:
    keys: list[str | int] = []
    at = 0
    while at < len(rest):
        part = _INSIDE.match(rest, at)
        if part is None or len(keys) == _DEEPEST:
            return None
        keys.append(int(part[1]) if part[1] else part[2])
        at = part.end()
    return keys


def belongs_to_rows(name: str, trees: Mapping[str, Tree]) -> bool:
    """Return whether the text of a name belongs to one of the trees."""
    root = _PLAIN.match(name)
    return root is not None and root[0] in trees and _keys(name[root.end() :]) is not None


class RowValues:
    """Converts trees to values.

    Attributes:
        problems: The problems found, each with its own location.
    """

    def __init__(self, leaf: Leaf) -> None:
        """Take the function that converts one text."""
        self._leaf = leaf
        self._required: dict[int, list[str]] = {}
        self.problems: list[Problem] = []

    def value(self, spec: Mapping[str, Any], tree: Tree, path: str) -> tuple[bool, Json]:
        """Return whether there is a value, and the value."""
        kind = str(spec.get("type", "string"))
        if kind == "array" and is_rows(spec):
            return True, [
                self._row(spec["items"], row, f"{path}[{index}]")
                for index, row in enumerate(tree.rows())
            ]
        if kind == "object" and is_rows(spec):
            return self._object(spec, tree, path)
        if tree.text is None or (isinstance(tree.text, str) and not tree.text.strip()):
            return False, None
        if isinstance(tree.text, list):
            self.problems.append(Problem(path, "the field is there twice"))
            return False, None
        try:
            return True, self._leaf(tree.text, kind)
        except ValueError as wrong:
            self.problems.append(Problem(path, str(wrong)))
            return False, None

    def _row(self, spec: Mapping[str, Any], tree: Tree, path: str) -> Json:
        known = len(self.problems)
        is_there, value = self.value(spec, tree, path)
        if not is_there and len(self.problems) == known:
            self.problems.append(Problem(path, "is required: fill it in, or remove the row"))
        return value

    def _object(self, spec: Mapping[str, Any], tree: Tree, path: str) -> tuple[bool, Json]:
        if len(self.problems) >= MOST_PROBLEMS:
            return True, {}  # no more problems are reported, so none are looked for
        found: JsonObject = {}
        known = len(self.problems)
        for name, part in tree.parts.items():
            inner = spec["properties"].get(name)
            if inner is None:
                self.problems.append(Problem(f"{path}.{name}", "is not a requested field"))
                continue
            is_there, value = self.value(inner, part, f"{path}.{name}")
            if is_there:
                found[str(name)] = value
        reported = {item.path for item in self.problems[known:]}
        if not found and not reported and tree.text is None:
            return False, None
        left = (name for name in self._required_of(spec) if name not in found)
        for place in islice((f"{path}.{name}" for name in left), MOST_PROBLEMS):
            if place not in reported:
                self.problems.append(Problem(place, "is required"))
        return True, found

    def _required_of(self, spec: Mapping[str, Any]) -> list[str]:
        """Return the parts of an object that are required, looked up once for all its rows."""
        known = self._required.get(id(spec))
        if known is None:
            known = [name for name, inner in spec["properties"].items() if _is_required(inner)]
            self._required[id(spec)] = known
        return known


def _is_required(spec: Mapping[str, Any]) -> bool:
    return bool(spec.get("required", True)) and "default" not in spec


def not_reported(found: list[Problem], reported: list[Problem]) -> list[Problem]:
    """Return the problems at or inside whose location none was reported before."""
    paths = [one.path for one in reported]
    return [
        item
        for item in found
        if not any(path == item.path or path.startswith((f"{item.path}.", f"{item.path}["))
                   for path in paths)
    ]  # fmt: skip


def with_row(texts: Mapping[str, Text], name: str) -> dict[str, Text]:
    """Return texts with one more, blank row of a list."""
    last = max(_indexes(texts, name), default=-1)
    return {**texts, f"{name}[{last + 1}]": ""}


def without_row(texts: Mapping[str, Text], row: str) -> dict[str, Text]:
    """Return texts without a row; later rows move up."""
    last = _LAST.search(row)
    if last is None:
        return dict(texts)
    name, gone = row[: last.start()], int(last[1])
    found: dict[str, Text] = {}
    for key, text in texts.items():
        at = _index(key, name)
        if at is None or at < gone:
            found[key] = text
        elif at > gone:
            rest = key[len(f"{name}[{at}]") :]
            found[f"{name}[{at - 1}]{rest}"] = text
    return found


def _indexes(texts: Mapping[str, Text], name: str) -> Iterator[int]:
    return (at for key in texts if (at := _index(key, name)) is not None)


def _index(key: str, name: str) -> int | None:
    if not key.startswith(f"{name}["):
        return None
    part = _INSIDE.match(key, len(name))
    return int(part[1]) if part and part[1] else None


def row_indexes(texts: Mapping[str, Text], name: str) -> list[int]:
    """Return the indexes of a list's rows in a form, in order."""
    return sorted(set(_indexes(texts, name)))
