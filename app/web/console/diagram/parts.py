"""Divides large diagrams into parts: one is drawn in full, each other is a box that opens it.

Steps are put into parts in their order from the top. The size of the drawing is limited, and the
work is linear in steps and edges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from app.web.console.diagram.edges import short
from app.web.console.diagram.layers import DrawnEdge, layers_of
from app.web.console.diagram.model import Edge, Route, StepCounts, StepState
from engine.counted import counted

MOST_DRAWN = 100
"""The most steps that are drawn without parts."""

_MOST_DIGITS = 5
_OF_A_PART = 50
_MOST_PARTS = 40
KIND = "part"
_FIRST = ("failed", "timed_out", "running", "paused", "waiting")
"""The step states that a part shows first."""

Steps = Mapping[str, Mapping[str, Any]]
States = Mapping[str, StepState]


def in_parts(
    steps: Steps, edges: Sequence[Edge], first: str, states: States | None, route: Route
) -> tuple[Steps, list[Edge], str, States | None, Route]:
    """Return what is drawn instead of many steps, edges, the first step and their states."""
    parts = _parts(steps, edges, first)
    of = {name: number for number, part in enumerate(parts) for name in part}
    opened = _opened(parts, of, first, states, route)
    boxes = {number: f"part {number}" for number in range(len(parts)) if number != opened}
    names = {name: boxes.get(number, name) for name, number in of.items()}
    shown: dict[str, Mapping[str, Any]] = {}
    links, counts = dict(route.links), dict(route.counts)
    drawn = None if states is None else {k: v for k, v in states.items() if of.get(k) == opened}
    for number, part in enumerate(parts):
        if (name := boxes.get(number)) is None:
            shown |= {one: steps[one] for one in part}
            continue
        shown[name] = _box(part, steps)
        if route.here is not None:
            links[name] = f"?{urlencode({**route.here, 'part': number})}"
        if drawn is not None and states is not None:
            _add_state(drawn, name, [states[one] for one in part if one in states])
        own = [route.counts[one] for one in part if one in route.counts]
        if own:
            counts[name] = StepCounts(sum(o.here for o in own), sum(o.failed for o in own))
    taken = {(names.get(a, a), names.get(b, b)) for a, b in route.taken}
    reduced = replace(route, taken=frozenset(taken), links=links, counts=counts)
    return (
        shown,
        _between(edges, names, set(boxes.values())),
        names.get(first, first),
        drawn,
        reduced,
    )


def _between(edges: Sequence[Edge], names: Mapping[str, str], boxes: set[str]) -> list[Edge]:
    """Return the edges between what is drawn; several between the same two become one."""
    found: dict[tuple[str, str, str], Edge] = {}
    own: list[Edge] = []
    for edge in edges:
        source, target = names[edge.source], names[edge.target]
        if not {source, target} & boxes:
            own.append(edge)
        elif source != target:
            key = (source, target, edge.on)
            condition = None if key in found else edge.condition
            found[key] = Edge(source, target, edge.on, condition)
    return own + list(found.values())


def _parts(steps: Steps, edges: Sequence[Edge], first: str) -> list[list[str]]:
    to_lay_out = [DrawnEdge(edge.source, edge.target) for edge in edges]
    layers = layers_of(list(steps), to_lay_out, first)
    order = sorted(steps, key=layers.__getitem__)
    size = max(_OF_A_PART, -(-len(order) // _MOST_PARTS))
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


def _opened(
    parts: Sequence[list[str]],
    of: Mapping[str, int],
    first: str,
    states: States | None,
    route: Route,
) -> int:
    """Return the part that is drawn in full: the requested one, else the most relevant."""
    asked = (route.here or {}).get("part", "")
    if asked.isdecimal() and len(asked) <= _MOST_DIGITS and int(asked) < len(parts):
        return int(asked)
    if route.selected in of:
        return of[route.selected]
    for status in _FIRST:
        for name, state in (states or {}).items():
            if state.status == status and name in of:
                return of[name]
    return of.get(first, 0)


def _box(part: Sequence[str], steps: Steps) -> Mapping[str, Any]:
    ends = [short(str(steps[name].get("name") or name), 14) for name in (part[0], part[-1])]
    return {"name": counted(len(part), "step"), "type": KIND, "between": " … ".join(ends)}


def _add_state(drawn: dict[str, StepState], name: str, states: Sequence[StepState]) -> None:
    if not states:
        return
    found = {state.status for state in states}
    status = next((one for one in _FIRST if one in found), states[0].status)
    drawn[name] = StepState(status, 1, is_carried=all(state.is_carried for state in states))
