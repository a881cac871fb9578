"""Merges the pieces of a stream in which a provider sends its own additions."""

from collections.abc import Mapping, Sequence
from typing import Any

_WRITTEN = frozenset({"text", "summary", "data", "content", "thinking", "signature"})


def merged(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one object: strings are joined, lists are appended, objects are merged.

    It is empty if it is nested too deep.
    """
    try:
        return {key: _joined(values) or _one(values) for key, values in _by_key(pieces).items()}
    except RecursionError:
        return {}


def _by_key(pieces: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for piece in pieces:
        for key, value in piece.items():
            if value is not None:
                found.setdefault(key, []).append(value)
    return found


def _joined(values: list[Any]) -> str:
    return "".join(values) if all(isinstance(value, str) for value in values) else ""


def _one(values: list[Any]) -> Any:
    if all(isinstance(value, dict) for value in values):
        # Inside an object, only strings that hold written text are joined; others are names.
        return {
            key: (_joined(inner) if key in _WRITTEN else "") or _one(inner)
            for key, inner in _by_key(values).items()
        }
    if all(isinstance(value, list) for value in values):
        return _list([item for value in values for item in value])
    return values[-1]


def _list(items: list[Any]) -> list[Any]:
    """Merge the items that have the same index."""
    groups: dict[Any, list[Any]] = {}
    for number, item in enumerate(items):
        index = item.get("index") if isinstance(item, dict) else None
        key = index if isinstance(index, int) else f"alone {number}"
        groups.setdefault(key, []).append(item)
    return [_one(group) for group in groups.values()]
