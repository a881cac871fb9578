"""What is different between two versions of a definition, in words and line by line."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_CONTEXT = 3


class CompareQuery(BaseModel):
    """Which two versions are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: str = Field(max_length=100)
    after: str = Field("latest", max_length=100)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes in words, and the lines with a mark each: `+`, `-`, ` ` or `@`."""
    old, new = _lines(before), _lines(after)
    lines = [
        {"mark": line[0], "text": _place(line) if line[0] == "@" else line[1:]}
        for line in list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT))[2:]
    ]
    return {"changes": _changes(before, after), "lines": lines}


def _place(line: str) -> str:
    """Return the place of a difference in words, from its line between `@@`."""
    return "From line " + line.partition("+")[2].partition(" ")[0].partition(",")[0]


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


def ways(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ways of a definition: from where, to where, on what, and under which condition."""
    return [
        {
            "source": edge.get("from"),
            "target": edge.get("to"),
            "on": edge.get("on", "success"),
            "condition": edge.get("condition"),
        }
        for edge in document.get("edges", [])
    ]


def _ways(document: Mapping[str, Any]) -> list[str]:
    return [
        f"{way['source']} → {way['target']}"
        + (f" on {way['on']}" if way["on"] != "success" else "")
        + (f" if {way['condition']}" if way["condition"] else "")
        for way in ways(document)
    ]
