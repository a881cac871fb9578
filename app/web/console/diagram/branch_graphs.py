"""Branches that depend on one another, as a document of which a diagram can be drawn."""

from collections.abc import Iterator, Mapping
from typing import Any

from steps.document.bodies import written_bodies

_CALLS, _HAS_STEPS = "call-workflow", "group"


def branch_graphs(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return, by path, the diagrams of steps that have branches which depend on others."""
    for path, body in (("", document), *written_bodies(document)):
        steps = body.get("steps")
        for step in steps if isinstance(steps, list) else ():
            branches = step.get("branches") if isinstance(step, dict) else None
            if isinstance(branches, dict) and (edges := list(_edges(branches))):
                at = f"{path}/{step.get('id')}" if path else str(step.get("id"))
                yield at, {"initialStep": "", "steps": _nodes(branches), "edges": edges}


def _edges(branches: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, branch in branches.items():
        needs = branch.get("needs") if isinstance(branch, dict) else None
        for needed in needs if isinstance(needs, list) else ():
            yield {"from": str(needed), "to": name}


def _nodes(branches: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"id": name, "type": _CALLS if "workflow" in branch else _HAS_STEPS}
        for name, branch in branches.items()
        if isinstance(branch, dict)
    ]
