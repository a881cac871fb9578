"""Draws the steps of a diagram as SVG: the type of each, and its state in a run."""

from collections.abc import Mapping
from html import escape
from typing import Any

from app.web.console.diagram.edges import MARGIN, short, top_of
from app.web.console.diagram.fitted_text import fitted
from app.web.console.diagram.layers import Node
from app.web.console.diagram.model import Route, StepState
from app.web.console.icons import icon_path, state_path
from engine.value import value

_LONGEST_KIND = 28
_EDGE, _STATE_WIDTH, _COUNT_WIDTH = 10, 24, 26
"""Pixels at the right of a title: the edge of the box, the icon of a state, and a count."""
_TITLE_X = 46
_SELECT = " data-select"
"""The attributes of a link that opens in place on the page."""

States = Mapping[str, StepState]


@value(frozen=True, slots=True)
class StepBox:
    """A step to be drawn.

    Attributes:
        name: Its id.
        step: The step in the document.
        kind: What stands below its title: its type, and what is folded into it.
        node: Where it is drawn.
        is_first: Whether a run begins with it.
    """

    name: str
    step: Mapping[str, Any]
    kind: str
    node: Node
    is_first: bool


def drawn_box(box: StepBox, states: States | None, route: Route) -> str:
    """Return the box of a step, which leads to the newest visit."""
    name, node, kind = box.name, box.node, box.kind
    title = str(box.step.get("name") or name)
    state = (states or {}).get(name)
    words, classes = _labelled(f"{title}, {kind}", states, state)
    if box.is_first:
        classes += " first"
    if name == route.selected:
        classes += " selected"
    runs = route.counts.get(name)
    if runs and runs.text:
        words += f", {runs.text}"
        kind = runs.text
        classes += " fails" if runs.failed else ""
    stand = _state(node, state)
    link = route.links.get(name)
    tag = "g" if link is None else "a"
    leads = (
        ' role="img"'
        if link is None
        else f' href="{escape(link)}"{_SELECT if link[0] == "?" else ""}'
    )
    current = ' aria-current="true"' if link and name == route.selected else ""
    x, y = MARGIN + node.x - node.width / 2, top_of(node)
    room = node.width - _TITLE_X - _EDGE
    room -= (_STATE_WIDTH if stand else 0) + (_COUNT_WIDTH if state and state.visits > 1 else 0)
    return (
        f'<{tag} class="{classes}" transform="translate({x:.1f} {y:.1f})"{leads}{current} '
        f'aria-label="{escape(words)}" data-step="{escape(name)}"><title>{escape(words)}</title>'
        f'<rect class="box" width="{node.width:.0f}" height="{node.height:.0f}" rx="10"/>'
        '<rect class="tile" x="10" y="13" width="28" height="28" rx="7"/>'
        f'<g class="icon" transform="translate(16 19) scale(.667)">'
        f"{icon_path(str(box.step.get('type', '')))}</g>"
        f'<text class="title" x="{_TITLE_X}" y="24">{escape(fitted(title, room))}</text>'
        f'<text class="kind" x="{_TITLE_X}" y="40">{escape(short(kind, _LONGEST_KIND))}</text>'
        f"{stand}</{tag}>"
    )


def _labelled(words: str, states: States | None, state: StepState | None) -> tuple[str, str]:
    """Return a step in words, and the classes of its box."""
    if states is None:
        return words, "step"
    if state is None:
        return words, "step state-none"
    times = f", {state.visits:,} times" if state.visits > 1 else ""
    words += f", {state.status.replace('_', ' ')}{times}"
    if not state.is_carried:
        return words, f"step state-{state.status}"
    return f"{words}, by an earlier run", f"step state-{state.status} carried"


def _state(node: Node, state: StepState | None) -> str:
    """Return the icon of a state at the right, and before it how often the step was visited."""
    if state is None:
        return ""
    x = node.width - 28
    count = (
        f'<text class="count" x="{x - 6:.0f}" y="24" text-anchor="end">'
        f"{state.visits:,}\u00d7</text>"
        if state.visits > 1
        else ""
    )
    return (
        f'{count}<g class="icon state" transform="translate({x:.0f} 12) scale(.667)">'
        f"<g>{state_path(state.status)}</g></g>"
    )
