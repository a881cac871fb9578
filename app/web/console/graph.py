"""The picture of a definition as SVG, with or without the state of a run on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

from app.concurrency.offload import offload
from app.web.console.graph_layers import (
    LABEL_WIDTH,
    LAYER_HEIGHT,
    NODE_HEIGHT,
    NODE_WIDTH,
    DrawnEdge,
    Layout,
    Node,
    TooManyPieces,
    lay_out,
)
from app.web.console.icons import icon_path
from engine.value import value

_MARGIN = 16
_LONGEST_TITLE = 22
_LONGEST_LABEL = 23
_MOST_STEPS = 300
_MANY = 30
"""Steps and edges from which on drawing takes long enough to be done beside the event loop."""
_HANDLERS = ("onError", "finally")
_OCCASIONS = ("success", "error", "timeout", "cancel")


@value(frozen=True, slots=True)
class StepState:
    """How one step of a run stands: the status of its newest visit, and how many there were.

    `is_carried` marks a step that only an earlier run has done, of which this one is a rerun.
    """

    status: str
    visits: int
    is_carried: bool = False


@value(frozen=True, slots=True)
class StepCounts:
    """How many runs of a workflow are in a step, and how many failed in it."""

    here: int
    failed: int

    @property
    def text(self) -> str:
        """What the picture says of them."""
        told = ((self.here, f"{self.here} here"), (self.failed, f"{self.failed} failed"))
        return ", ".join(words for count, words in told if count)


@value(frozen=True, slots=True)
class _Edge:
    source: str
    target: str
    on: str
    condition: str | None

    @property
    def label(self) -> str:
        """What stands on the way: its occasion and its condition."""
        occasion = "" if self.on == "success" else f"on {self.on}"
        return " · ".join(part for part in (occasion, self.condition) if part)

    @property
    def short_label(self) -> str:
        """The label without what every condition begins with."""
        return self.label.replace("data.", "")


@dataclass(slots=True)
class _Picture:
    parts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


@value(frozen=True, slots=True)
class Route:
    """What a run has done in a picture.

    Attributes:
        taken: The edges that it has gone along, from step to step.
        links: Where each step leads to when it is pressed.
        selected: The step that is looked at.
        counts: How many runs are in each step, in the picture of a workflow.
    """

    taken: frozenset[tuple[str, str]] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    selected: str = ""
    counts: Mapping[str, StepCounts] = field(default_factory=dict)


_NO_ROUTE = Route()


async def picture(
    document: Mapping[str, Any],
    states: Mapping[str, StepState] | None = None,
    route: Route = _NO_ROUTE,
) -> str:
    """Return what `draw` does; for what is large, drawn beside the event loop."""
    sizes = (document.get("steps"), document.get("edges"))
    if sum(len(each) for each in sizes if isinstance(each, list)) < _MANY:
        return draw(document, states, route)
    return await offload(lambda: draw(document, states, route))


def draw(
    document: Mapping[str, Any],
    states: Mapping[str, StepState] | None = None,
    route: Route = _NO_ROUTE,
) -> str:
    """Return the SVG of a definition's steps and edges; everything in it is escaped.

    It takes documents that do not compile: what is no step or no edge is left out. Where the
    steps or edges are more than a picture can show, it says so in the picture's place.
    """
    steps = _steps(document)
    edges = _edges(document, steps)
    if not steps:
        return ""
    if len(steps) > _MOST_STEPS:
        return _told(f"No picture: of {len(steps)} steps, more than {_MOST_STEPS} are not drawn.")
    first = str(document.get("initialStep"))
    arrows = [DrawnEdge(edge.source, edge.target, bool(edge.label)) for edge in edges]
    try:
        laid = lay_out(list(steps), arrows, first)
    except TooManyPieces:
        return _told(f"No picture: the {len(edges)} edges cross too many steps to be followed.")
    picture = _Picture()
    ports = _ports(laid)
    seen: dict[tuple[str, str], int] = {}
    for number, (edge, way) in enumerate(zip(edges, laid.ways, strict=True)):
        nth = seen.get((edge.source, edge.target), 0)
        seen[edge.source, edge.target] = nth + 1
        _draw_edge(
            picture, edge, way, laid, _Ports(number, ports, nth),
            is_taken=(edge.source, edge.target) in route.taken,
        )  # fmt: skip
    handlers = {str(document.get(key)): key for key in _HANDLERS if document.get(key)}
    for name, step in steps.items():
        kind = _kind(step, handlers.get(name))
        _draw_step(picture, name, (step, kind), laid.steps[name], name == first, states, route)
    width = laid.width + 2 * _MARGIN + 40
    height = laid.layers * LAYER_HEIGHT - (LAYER_HEIGHT - NODE_HEIGHT) + 2 * _MARGIN
    title = f"{len(steps)} steps and {len(edges)} edges between them"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" role="group" '
        f'aria-label="{title}" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}">{_MARKERS}{"".join(picture.parts)}{"".join(picture.labels)}</svg>'
    )


def _told(why: str) -> str:
    """Return words that stand where the picture would."""
    words = escape(why)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" role="img" aria-label="{words}" '
        f'viewBox="0 0 620 40" width="620" height="40">'
        f'<g class="label"><text x="16" y="25">{words}</text></g></svg>'
    )


def _steps(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = document.get("steps")
    return {
        str(step["id"]): step
        for step in (found if isinstance(found, list) else [])
        if isinstance(step, dict) and step.get("id")
    }


def _edges(document: Mapping[str, Any], steps: Mapping[str, Any]) -> list[_Edge]:
    found = document.get("edges")
    edges = []
    for edge in found if isinstance(found, list) else []:
        if not isinstance(edge, dict):
            continue
        source, target = edge.get("from"), edge.get("to")
        if not isinstance(source, str) or not isinstance(target, str):
            continue
        if source in steps and target in steps:
            on = edge.get("on", "success")
            condition = edge.get("condition")
            edges.append(
                _Edge(
                    source,
                    target,
                    on if on in _OCCASIONS else "success",
                    str(condition) if condition is not None else None,
                )
            )
    return edges


_Sides = Mapping[tuple[int, int, int], float]


@value(frozen=True, slots=True)
class _Ports:
    """Where one way begins and ends at its steps, beside the other ways there."""

    number: int
    sides: _Sides
    nth: int


def _ports(laid: Layout) -> _Sides:
    """Spread the ways along the top and the bottom of each step, in the order of their ends."""
    at: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for number, way in enumerate(laid.ways):
        for end, other in () if way is None else ((way[0], way[1]), (way[-1], way[-2])):
            side = 1 if other.layer > end.layer else -1
            at.setdefault((id(end), side), []).append((other.x, number))
    places: dict[tuple[int, int, int], float] = {}
    for (spot, side), ends in at.items():
        step = min(44.0, (NODE_WIDTH - 48) / max(len(ends) - 1, 1))
        for index, (_, number) in enumerate(sorted(ends)):
            places[spot, side, number] = (index - (len(ends) - 1) / 2) * step
    return places


def _top(spot: Node) -> float:
    return _MARGIN + spot.layer * LAYER_HEIGHT


def _draw_edge(  # noqa: PLR0913 - one arrow
    picture: _Picture,
    edge: _Edge,
    way: Sequence[Node] | None,
    laid: Layout,
    ports: _Ports,
    *,
    is_taken: bool,
) -> None:
    if way is None:
        spot = laid.steps[edge.source]
        right, middle = _MARGIN + spot.x + NODE_WIDTH / 2, _top(spot) + NODE_HEIGHT / 2
        path = f"M{right:.1f} {middle - 12:.1f}c34 -8 34 32 3 24"
        label = (right - 20, _top(spot) + NODE_HEIGHT + 14)
    else:
        points = [_point(spot, way, index, ports) for index, spot in enumerate(way)]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(
            _curve(a, b) for a, b in pairwise(points)
        )
        if len(way) > 2:  # noqa: PLR2004 - it has a bend
            label = points[1]
        else:
            share = 0.5 if abs(points[0][0] - points[1][0]) < NODE_WIDTH / 2 else 0.68
            label = (
                points[0][0] + (points[1][0] - points[0][0]) * share,
                points[0][1] + (points[1][1] - points[0][1]) * 0.5 + ports.nth * 22,
            )
    words = escape(edge.label or "then")
    picture.parts.append(
        f'<path class="edge on-{edge.on}{" taken" if is_taken else ""}" d="{path}" '
        f'marker-end="url(#tip-{edge.on})">'
        f"<title>{escape(edge.source)} to {escape(edge.target)}: {words}</title></path>"
    )
    if edge.label:
        _draw_label(picture, edge, *label)


def _draw_label(picture: _Picture, edge: _Edge, x: float, y: float) -> None:
    text = _short(edge.short_label, _LONGEST_LABEL)
    width = min(LABEL_WIDTH, 14 + 6.3 * len(text))
    picture.labels.append(
        f'<g class="label on-{edge.on}"><title>{escape(edge.label)}</title>'
        f'<rect x="{x - width / 2:.1f}" y="{y - 10:.1f}" width="{width:.1f}" height="20" rx="6"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{escape(text)}</text></g>'
    )


def _point(spot: Node, way: Sequence[Node], index: int, ports: _Ports) -> tuple[float, float]:
    x, top = _MARGIN + spot.x, _top(spot)
    if spot.is_bend:
        return x, top + NODE_HEIGHT / 2
    other = way[1] if index == 0 else way[-2]
    side = 1 if other.layer > spot.layer else -1
    tip = 0 if index == 0 else 3 * side
    y = top + NODE_HEIGHT if side > 0 else top
    return x + ports.sides[id(spot), side, ports.number], y + tip


def _curve(a: tuple[float, float], b: tuple[float, float]) -> str:
    half = (b[1] - a[1]) / 2
    return f"C{a[0]:.1f} {a[1] + half:.1f} {b[0]:.1f} {b[1] - half:.1f} {b[0]:.1f} {b[1]:.1f}"


def _draw_step(  # noqa: PLR0913 - one box
    picture: _Picture,
    name: str,
    of: tuple[Mapping[str, Any], str],
    spot: Node,
    is_first: bool,
    states: Mapping[str, StepState] | None,
    route: Route,
) -> None:
    x, y = _MARGIN + spot.x - NODE_WIDTH / 2, _top(spot)
    step, kind = of
    title = str(step.get("name") or name)
    state = (states or {}).get(name)
    words = f"{title}, {kind}"
    classes = "step" if states is None else "step state-none"
    if state:
        times = f", {state.visits} times" if state.visits > 1 else ""
        words += f", {state.status.replace('_', ' ')}{times}"
        classes = f"step state-{state.status}"
        if state.is_carried:
            words += ", by an earlier run"
            classes += " carried"
    if is_first:
        classes += " first"
    if name == route.selected:
        classes += " selected"
    count = ""
    if state and state.visits > 1:
        count = (
            f'<text class="count" x="{NODE_WIDTH - 12}" y="22" text-anchor="end">'
            f"{state.visits}x</text>"
        )
    runs = route.counts.get(name)
    if runs and runs.text:
        words += f", {runs.text}"
        kind = runs.text
        classes += " fails" if runs.failed else ""
    longest = _LONGEST_TITLE - (4 if count else 0)
    link = route.links.get(name)
    tag = "g" if link is None else "a"
    leads = ' role="img"' if link is None else f' href="{escape(link)}" data-select'
    current = ' aria-current="true"' if link and name == route.selected else ""
    box = (
        f'<{tag} class="{classes}" transform="translate({x:.1f} {y:.1f})"{leads}{current} '
        f'aria-label="{escape(words)}" data-step="{escape(name)}"><title>{escape(words)}</title>'
        f'<rect width="{NODE_WIDTH}" height="{NODE_HEIGHT}" rx="9"/>'
        f'<path class="icon" transform="translate(10 {NODE_HEIGHT / 2 - 8})" '
        f'd="{icon_path(str(step.get("type", "")))}"/>'
        f'<text class="title" x="34" y="24">{escape(_short(title, longest))}</text>'
        f'<text class="kind" x="34" y="41">{escape(_short(kind, 30))}</text>{count}</{tag}>'
    )
    picture.parts.append(box)


def _kind(step: Mapping[str, Any], handler: str | None) -> str:
    """Return of what kind a step is, with what is folded into its box, and what enters it."""
    kind, branches, own = str(step.get("type", "")), step.get("branches"), step.get("steps")
    named = f": {', '.join(map(str, branches))}" if isinstance(branches, dict) else ""
    if kind == "group" and isinstance(own, list):
        named = f": {', '.join(str(one.get('id')) for one in own if isinstance(one, dict))}"
    return f"{handler}: {kind}{named}" if handler else kind + named


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


_MARKERS = (
    "<defs>"
    + "".join(
        f'<marker id="tip-{on}" class="tip on-{on}" viewBox="0 0 8 8" refX="6" refY="4" '
        'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" '
        'orient="auto-start-reverse">'
        '<path d="M0 0L8 4L0 8z"/></marker>'
        for on in _OCCASIONS
    )
    + "</defs>"
)
