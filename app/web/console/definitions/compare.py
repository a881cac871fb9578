"""The differences between two versions of a definition, in words and line by line."""

import json
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.concurrency.offload import offload
from app.web.console.definitions.line_differences import differences

_CONTEXT = 3
_MOST_LINES = 2_000
_MOST_CHANGES = 200


class CompareQuery(BaseModel):
    """Which two versions are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    before: str = Field(max_length=100)
    after: str = Field("latest", max_length=100)


async def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes in words, and the lines with a mark each: `+`, `-`, ` ` or `@`.

    Both are limited in length. The work is done in a thread.
    """
    return await offload(lambda: compared(before, after))


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same as `compare`, synchronously."""
    changes = _changes(before, after)
    if len(changes) > _MOST_CHANGES:
        changes[_MOST_CHANGES:] = [f"And {len(changes) - _MOST_CHANGES} more changes."]
    lines = _marked(_lines(before), _lines(after))
    if len(lines) > _MOST_LINES:
        left = len(lines) - _MOST_LINES
        lines[_MOST_LINES:] = [{"mark": "@", "text": f"And {left} more lines"}]
    return {"changes": changes, "lines": lines}


def _marked(old: list[str], new: list[str]) -> list[dict[str, str]]:
    """Return the lines that differ, and those around them."""
    lines: list[dict[str, str]] = []
    shown = 0
    blocks = differences(old, new)
    for block, following in zip_longest(blocks, blocks[1:]):
        first = max(shown, block.new - _CONTEXT)
        if first > shown or not lines:
            lines.append({"mark": "@", "text": f"From line {first + 1}"})
        last = min(len(new), block.new_end + _CONTEXT)
        if following:
            last = min(last, following.new)
        lines += [{"mark": " ", "text": line} for line in new[first : block.new]]
        lines += [{"mark": "-", "text": line} for line in old[block.old : block.old_end]]
        lines += [{"mark": "+", "text": line} for line in new[block.new : block.new_end]]
        lines += [{"mark": " ", "text": line} for line in new[block.new_end : last]]
        shown = last
    return lines


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
    # A dict keeps the order and finds an entry without a scan.
    old_edges, new_edges = dict.fromkeys(_edges(before)), dict.fromkeys(_edges(after))
    changes += [f"Edge {edge} is new." for edge in new_edges if edge not in old_edges]
    changes += [f"Edge {edge} is gone." for edge in old_edges if edge not in new_edges]
    changes += [
        f"{key} has changed."
        for key in sorted({*before, *after} - {"steps", "edges"})
        if before.get(key) != after.get(key)
    ]
    return changes


def _by_id(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(step.get("id")): step for step in document.get("steps", [])}


def edges(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the edges of a definition: source, target, occasion and condition."""
    return [
        {
            "source": edge.get("from"),
            "target": edge.get("to"),
            "on": edge.get("on", "success"),
            "condition": edge.get("condition"),
        }
        for edge in document.get("edges", [])
    ]


def _edges(document: Mapping[str, Any]) -> list[str]:
    return [
        f"{edge['source']} → {edge['target']}"
        + (f" on {edge['on']}" if edge["on"] != "success" else "")
        + (f" if {edge['condition']}" if edge["condition"] else "")
        for edge in edges(document)
    ]
