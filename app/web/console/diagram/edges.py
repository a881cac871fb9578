"""Draws the edges of a diagram as SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import TypeAlias

from app.web.console.diagram.layers import LABEL_WIDTH, NODE_HEIGHT, NODE_WIDTH, Layout, Node
from app.web.console.diagram.model import OCCASIONS, Edge
from engine.value import value

MARGIN = 16
_LONGEST_LABEL = 23

Sides: TypeAlias = Mapping[tuple[int, int, int], float]


@value(frozen=True, slots=True)
class Ports:
    """Where one edge begins and ends at its steps, beside other edges."""

    number: int
    sides: Sides
    nth: int


def ports_of(laid: Layout) -> Sides:
    """Spread the edges along the top and the bottom of each step, in the order of their ends."""
    at: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for number, nodes in enumerate(laid.paths):
        for end, other in () if nodes is None else ((nodes[0], nodes[1]), (nodes[-1], nodes[-2])):
            side = 1 if other.layer > end.layer else -1
            at.setdefault((id(end), side), []).append((other.x, number))
    places: dict[tuple[int, int, int], float] = {}
    for (node, side), ends in at.items():
        step = min(44.0, (NODE_WIDTH - 48) / max(len(ends) - 1, 1))
        for index, (_, number) in enumerate(sorted(ends)):
            places[node, side, number] = (index - (len(ends) - 1) / 2) * step
    return places


def top_of(node: Node) -> float:
    """Return the top of a step, measured from the top of the diagram."""
    return MARGIN + node.top


def drawn_edge(
    edge: Edge, nodes: Sequence[Node] | None, node: Node, ports: Ports, *, is_taken: bool
) -> tuple[str, str]:
    """Return the arrow of an edge, and its label; `node` is the step that it begins at."""
    if nodes is None:
        right, middle = MARGIN + node.x + node.width / 2, top_of(node) + NODE_HEIGHT / 2
        path = f"M{right:.1f} {middle - 12:.1f}c34 -8 34 32 3 24"
        label = (right - 20, top_of(node) + node.height + 14)
    else:
        points = [point for index in range(len(nodes)) for point in _points(nodes, index, ports)]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(
            _curve(a, b) for a, b in pairwise(points)
        )
        if len(nodes) > 2:  # noqa: PLR2004 - it has a bend
            label = points[1]
        else:
            share = 0.5 if abs(points[0][0] - points[1][0]) < NODE_WIDTH / 2 else 0.68
            label = (
                points[0][0] + (points[1][0] - points[0][0]) * share,
                points[0][1] + (points[1][1] - points[0][1]) * 0.5 + ports.nth * 22,
            )
    words = escape(edge.label or "then")
    arrow = (
        f'<path class="edge on-{edge.on}{" taken" if is_taken else ""}" d="{path}" '
        f'marker-end="url(#tip-{"taken" if is_taken else edge.on})">'
        f"<title>{escape(edge.source)} to {escape(edge.target)}: {words}</title></path>"
    )
    return arrow, _label(edge, *label) if edge.label else ""


def _label(edge: Edge, x: float, y: float) -> str:
    text = short(edge.short_label, _LONGEST_LABEL)
    width = min(LABEL_WIDTH, 14 + 6.3 * len(text))
    return (
        f'<g class="label on-{edge.on}"><title>{escape(edge.label)}</title>'
        f'<rect x="{x - width / 2:.1f}" y="{y - 10:.1f}" width="{width:.1f}" height="20" rx="6"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{escape(text)}</text></g>'
    )


def _points(nodes: Sequence[Node], index: int, ports: Ports) -> list[tuple[float, float]]:
    """Return where an edge passes a step or a bend: beside high ones it goes straight down."""
    node = nodes[index]
    x, top = MARGIN + node.x, top_of(node)
    if node.is_bend:
        if node.height <= NODE_HEIGHT:
            return [(x, top + NODE_HEIGHT / 2)]
        ends = [(x, top), (x, top + node.height)]
        return ends if nodes[index - 1].layer < node.layer else ends[::-1]
    other = nodes[1] if index == 0 else nodes[-2]
    side = 1 if other.layer > node.layer else -1
    tip = 0 if index == 0 else 3 * side
    y = top + node.height if side > 0 else top
    return [(x + ports.sides[id(node), side, ports.number], y + tip)]


def _curve(a: tuple[float, float], b: tuple[float, float]) -> str:
    half = (b[1] - a[1]) / 2
    return f"C{a[0]:.1f} {a[1] + half:.1f} {b[0]:.1f} {b[1] - half:.1f} {b[0]:.1f} {b[1]:.1f}"


def short(text: str, longest: int) -> str:
    """Return a text, cut if it is too long for its place."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


MARKERS = (
    "<defs>"
    + "".join(
        f'<marker id="tip-{on}" class="tip on-{on}" viewBox="0 0 8 8" refX="6" refY="4" '
        'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" '
        'orient="auto-start-reverse">'
        '<path d="M0 0L8 4L0 8z"/></marker>'
        for on in (*OCCASIONS, "taken")
    )
    + "</defs>"
)
