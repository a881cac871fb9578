"""Finds the parts of its scope that an expression reads, so that only those are prepared."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from steps.language.frozen import frozen_part
from steps.language.syntax.paths import Path

Reads: TypeAlias = "dict[str, Reads | None]"
"""The keys that are read below a value, by name; None if all of it may be read."""


def reads_of(paths: Iterable[Path]) -> Reads:
    """Return the parts of each name that are read, as far as the keys are literals."""
    found: Reads = {}
    for path in paths:
        keys: list[str] = [path.root]
        for key in path.keys:
            if not isinstance(key, str):
                break
            keys.append(key)
        _note(found, keys)
    return found


def _note(found: Reads, keys: list[str]) -> None:
    for key in keys[:-1]:
        below = found.setdefault(key, {})
        if below is None:
            return  # all of it is read anyway
        found = below
    found[keys[-1]] = None


def part_of(value: Any, reads: "Reads | None", freeze: Callable[[Any], Any]) -> Any:
    """Return the frozen copy of the parts of a value that are read."""
    if reads is None or not isinstance(value, dict):
        return freeze(value)
    items = {}
    for key, inner in reads.items():
        if key in value:
            items[key] = part_of(value[key], inner, freeze)
    return frozen_part(items)


def parts_of(value: Any, reads: "Reads | None") -> list[Any]:
    """Return the parts of a value that are read and may be long."""
    if reads is None or not isinstance(value, dict):
        return [value] if isinstance(value, dict | list | str) else []
    found: list[Any] = []
    for key, inner in reads.items():
        if key in value:
            found += parts_of(value[key], inner)
    return found
