"""What is different between two versions of a definition, in words and line by line."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

_CONTEXT = 3


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Give the changes in words, and the lines with a mark each: `+`, `-`, ` ` or `@`."""
    old, new = _lines(before), _lines(after)
    lines = [
        {"mark": line[0] if line[0] in "+-@" else " ", "text": line if line[0] == "@" else line[1:]}
        for line in list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT))[2:]
    ]
    return {"changes": _changes(before, after), "lines": lines}


def _lines(document: Mapping[str, Any]) -> list[str]:
    return json.dumps(document, ensure_ascii=False, indent=2).split("\n")


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = _by_id(before), _by_id(after)
    changes = [f"Step {name} is new." for name in new if name not in old]
    changes += [f"Step {name} is gone." for name in old if name not in new]
    for name in new:
        if name in old and old[name] != new[name]:
            keys = sorted(
                key for key in {*old[name], *new[name]} if old[name].get(key) != new[name].get(key)
            )
            changes.append(f"Step {name} has changed: {', '.join(keys)}.")
    old_ways, new_ways = _ways(before), _ways(after)
    changes += [f"Way {way} is new." for way in new_ways if way not in old_ways]
    changes += [f"Way {way} is gone." for way in old_ways if way not in new_ways]
    changes += [
        f"{key} has changed."
        for key in sorted({*before, *after} - {"steps", "edges"})
        if before.get(key) != after.get(key)
    ]
    return changes


def _by_id(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(step.get("id")): step for step in document.get("steps", [])}


def _ways(document: Mapping[str, Any]) -> list[str]:
    return [
        f"{edge.get('from')} → {edge.get('to')}"
        + (f" on {edge['on']}" if edge.get("on", "success") != "success" else "")
        + (f" if {edge['condition']}" if edge.get("condition") else "")
        for edge in document.get("edges", [])
    ]
