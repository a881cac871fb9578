"""Draws the diagram of a definition as SVG, with or without the state of a run on it."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import urlencode

from app.concurrency.offload import offload
from app.web.console.diagram.boxes import StepBox, drawn_box
from app.web.console.diagram.edges import (
    MARGIN,
    MARKERS,
    Ports,
    drawn_edge,
    ports_of,
    short,
    top_of,
)
from app.web.console.diagram.layers import (
    NODE_HEIGHT,
    NODE_WIDTH,
    DrawnEdge,
    Node,
    Size,
    TooManyPieces,
    lay_out,
)
from app.web.console.diagram.model import (
    NO_ROUTE,
    Inside,
    Route,
    StepCounts,
    StepState,
    edges_of,
    steps_of,
)
from app.web.console.diagram.parts import KIND, MOST_DRAWN, in_parts
from engine.counted import counted
from engine.value import value
from steps.document.bodies import inline_path, with_start, written_in

__all__ = ["Inside", "Route", "StepCounts", "StepState", "draw", "picture"]

_MANY = 30
"""With so many steps and edges, drawing takes so long that it is done in a thread."""
_HANDLERS = ("onError", "finally")
_HEAD, _PAD = 60, 12
_MOST_INSIDE = 12
"""The most bodies that are drawn in one step."""

States = Mapping[str, StepState]


@value(frozen=True, slots=True)
class _Drawn:
    """A part of a diagram, its size, and how many steps and edges are in it."""

    svg: str
    width: float
    height: float
    caption: str


async def picture(
    document: Mapping[str, Any], states: States | None = None, route: Route = NO_ROUTE
) -> str:
    """Return the result of `draw`; a large diagram is drawn in a thread."""
    sizes = (document.get("steps"), document.get("edges"))
    is_small = sum(len(each) for each in sizes if isinstance(each, list)) < _MANY
    if is_small and not route.opened:
        return draw(document, states, route)
    return await offload(lambda: draw(document, states, route))


def draw(document: Mapping[str, Any], states: States | None = None, route: Route = NO_ROUTE) -> str:
    """Return the SVG of a definition's steps and edges; everything in it is escaped.

    Documents that do not compile are accepted: invalid steps and edges are left out. If there are
    more edges than a diagram can show, a text says so instead.
    """
    try:
        drawn = _drawn(document, states, route, "")
    except TooManyPieces:
        count = len(edges_of(document, steps_of(document)))
        return _undrawn(f"No picture: the {count} edges cross too many steps to be followed.")
    if drawn is None:
        return ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" role="group" '
        f'aria-label="{drawn.caption}" viewBox="0 0 {drawn.width:.0f} {drawn.height:.0f}" '
        f'width="{drawn.width:.0f}" height="{drawn.height:.0f}">{MARKERS}{drawn.svg}</svg>'
    )


def _drawn(
    document: Mapping[str, Any], states: States | None, route: Route, above: str
) -> _Drawn | None:
    """Return the steps of a document or of a body of path `above`; None if there are none."""
    steps: Mapping[str, Mapping[str, Any]] = steps_of(document)
    edges = edges_of(document, steps)
    if not steps:
        return None
    caption = f"{counted(len(steps), 'step')} and {counted(len(edges), 'edge')} between them"
    first = str(with_start(document).get("initialStep"))
    if len(steps) > MOST_DRAWN:
        steps, edges, first, states, route = in_parts(steps, edges, first, states, route)
    insides = {name: _insides(name, step, route, above) for name, step in steps.items()}
    sizes = {name: _size(inside) for name, inside in insides.items() if inside}
    to_lay_out = [DrawnEdge(edge.source, edge.target, bool(edge.label)) for edge in edges]
    laid = lay_out(list(steps), to_lay_out, first, sizes)
    sides = ports_of(laid)
    parts, labels = [], []
    seen: dict[tuple[str, str], int] = {}
    for number, (edge, nodes) in enumerate(zip(edges, laid.paths, strict=True)):
        nth = seen.get((edge.source, edge.target), 0)
        seen[edge.source, edge.target] = nth + 1
        line, label = drawn_edge(
            edge, nodes, laid.steps[edge.source], Ports(number, sides, nth),
            is_taken=(edge.source, edge.target) in route.taken,
        )  # fmt: skip
        parts.append(line)
        labels.append(label)
    handlers = {str(document.get(key)): key for key in _HANDLERS if document.get(key)}
    for name, step in steps.items():
        kind = _kind(step, handlers.get(name))
        parts += [
            drawn_box(StepBox(name, step, kind, laid.steps[name], name == first), states, route),
            _fold(name, step, laid.steps[name], route, above),
            _nested(laid.steps[name], insides[name]),
        ]
    return _Drawn(
        "".join(parts + labels), laid.width + 2 * MARGIN + 40, laid.height + 2 * MARGIN, caption
    )


def _insides(
    name: str, step: Mapping[str, Any], route: Route, above: str
) -> list[tuple[str, _Drawn]]:
    """Return the diagrams of the open bodies of a step, by their names."""
    if inline_path(above, name, "") not in route.opened:
        return []
    found = []
    for body_name, body in list(written_in(step))[:_MOST_INSIDE]:
        path = inline_path(above, name, body_name)
        inside = route.inside.get(path, Inside())
        here = None if route.here is None else {**route.here, "part": ""}
        own = replace(
            route, taken=inside.taken, links=inside.links, selected="", counts=inside.counts,
            here=here,
        )  # fmt: skip
        drawn = _drawn(with_start(body), inside.states, own, path)
        if drawn is not None:
            found.append((_titled(body_name, step), drawn))
    return found


def _titled(body_name: str, step: Mapping[str, Any]) -> str:
    """Return the name of a body, with the branches on which it depends."""
    branches = step.get("branches")
    branch = branches.get(body_name) if isinstance(branches, dict) else None
    needs = branch.get("needs") if isinstance(branch, dict) else None
    return f"{body_name}, after {' and '.join(map(str, needs))}" if needs else body_name


def _size(insides: list[tuple[str, _Drawn]]) -> Size:
    width = sum(drawn.width for _, drawn in insides) + _PAD * (len(insides) + 1)
    height = max(drawn.height for _, drawn in insides) + _HEAD + 2 * _PAD
    return max(NODE_WIDTH, width), height


def _nested(node: Node, insides: list[tuple[str, _Drawn]]) -> str:
    """Return the diagrams in a step, side by side under their names."""
    found = []
    x = MARGIN + node.x - node.width / 2 + _PAD
    for name, drawn in insides:
        y = top_of(node) + _HEAD
        found.append(
            f'<text class="kind" x="{x + MARGIN:.1f}" y="{y:.1f}">{escape(short(name, 30))}</text>'
            f'<g class="inside" transform="translate({x:.1f} {y + _PAD / 2:.1f})">{drawn.svg}</g>'
        )
        x += drawn.width + _PAD
    return "".join(found)


def _fold(name: str, step: Mapping[str, Any], node: Node, route: Route, above: str) -> str:
    """Return the button that opens or closes the steps inside a step."""
    if route.here is None or step.get("type") == KIND or not any(True for _ in written_in(step)):
        return ""
    path = inline_path(above, name, "")
    is_open = path in route.opened
    opened = sorted(route.opened - {path} if is_open else route.opened | {path})
    kept = {key: item for key, item in route.here.items() if key != "open" and item}
    query = urlencode({**kept, "open": ",".join(opened)} if opened else kept)
    x, y = MARGIN + node.x + node.width / 2 - 26, top_of(node) + NODE_HEIGHT - 24
    title = str(step.get("name") or name)
    words = escape(f"{'Close' if is_open else 'Open'} the steps in {title}")
    cross = "M5 9h8" if is_open else "M5 9h8M9 5v8"
    return (
        f'<a class="unfold" href="?{escape(query)}" data-select aria-label="{words}" '
        f'transform="translate({x:.1f} {y:.1f})"><title>{words}</title>'
        f'<rect width="18" height="18" rx="5"/><path d="{cross}"/></a>'
    )


def _undrawn(why: str) -> str:
    """Return a text in place of the diagram."""
    words = escape(why)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" role="img" aria-label="{words}" '
        f'viewBox="0 0 620 40" width="620" height="40">'
        f'<g class="label"><text x="16" y="25">{words}</text></g></svg>'
    )


def _kind(step: Mapping[str, Any], handler: str | None) -> str:
    """Return a step's kind, with what is folded into its box, and what leads into it."""
    if step.get("type") == KIND:
        return str(step.get("between"))
    kind, branches, own = str(step.get("type", "")), step.get("branches"), step.get("steps")
    named = f": {', '.join(map(str, branches))}" if isinstance(branches, dict) else ""
    if kind == "group" and isinstance(own, list):
        named = f": {', '.join(str(one.get('id')) for one in own if isinstance(one, dict))}"
    return f"{handler}: {kind}{named}" if handler else kind + named
