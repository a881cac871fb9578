"""Compares two versions of a definition step by step."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from engine.value import value

Change: TypeAlias = Literal["added", "removed", "changed"]
_SAYS_NOTHING = ("id", "name", "description", "status", "steps", "edges", "note", "payload")
"""Keys of a document that are compared step by step, or do not change how steps run."""


@value(frozen=True, slots=True)
class ChangedStep:
    """A step that differs between the versions, with its edges.

    Attributes:
        step_id: Its id.
        change: How it changed.
    """

    step_id: str
    change: Change


def changed_steps(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ChangedStep]:
    """Return the steps that differ, in the order of the newer version.

    A step whose edges differ leads elsewhere and therefore counts as changed.

    Args:
        before: The document of the older version, or a body of it.
        after: The same of the newer version.

    Returns:
        The changes; removed steps come last.
    """
    old, new = _steps(before), _steps(after)
    found = [
        ChangedStep(name, "changed" if name in old else "added")
        for name, step in new.items()
        if old.get(name) != step
    ]
    return found + [ChangedStep(name, "removed") for name in old if name not in new]


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return other differing keys that steps may depend on, such as `constants`.

    Args:
        before: The document of the older version.
        after: The document of the newer version.

    Returns:
        The keys of the document.
    """
    names = [name for name in (*after, *before) if name not in _SAYS_NOTHING]
    return [name for name in dict.fromkeys(names) if before.get(name) != after.get(name)]


def _steps(document: Mapping[str, Any]) -> dict[str, tuple[Any, list[Any]]]:
    edges = document.get("edges") or []
    return {
        step["id"]: (
            {key: item for key, item in step.items() if key != "note"},
            [edge for edge in edges if edge.get("from") == step["id"]],
        )
        for step in document.get("steps") or []
    }
