"""Icons of one family, Lucide: by what a step does, what a page shows, and how a run stands.

`make assets` puts the drawings of the names below into `built/icons.json`. A checkout without that
file shows a plain square in their place; what an icon means is always written beside it.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

BUILT = Path(__file__).parent / "built"
"""What `make assets` makes: the icons, the typeface and their licenses."""

_OF_STEPS: Mapping[str, str] = {
    "call-api": "globe",
    "call-tool": "wrench",
    "call-llm": "sparkles",
    "call-agent": "bot",
    "call-workflow": "workflow",
    "collect-inputs": "text-cursor-input",
    "request-user-action": "user-round-check",
    "wait": "clock",
    "wait-for-signal": "radio",
    "send-signal": "send",
    "set": "braces",
    "parallel": "git-fork",
    "group": "group",
    "end-flow": "flag",
}
DOCUMENTED = frozenset(_OF_STEPS)
"""The built-in step types: the guide has a page for each."""

_OF_STATES: Mapping[str, str] = {
    "running": "loader",
    "paused": "circle-pause",
    "waiting": "hourglass",
    "completed": "circle-check",
    "failed": "circle-x",
    "timed_out": "alarm-clock-off",
    "cancelled": "circle-slash",
    "terminated": "octagon-x",
    "draft": "circle-dashed",
    "testing": "flask-conical",
    "published": "circle-check",
    "archived": "archive",
}
_OF_OTHERS: Mapping[str, str] = {
    "overview": "layout-dashboard",
    "inbox": "inbox",
    "runs": "list-video",
    "workflows": "workflow",
    "agents": "bot",
    "settings": "settings",
    "search": "search",
    "guide": "book-open",
    "sign-out": "log-out",
    "smaller": "minus",
    "fit": "maximize",
    "larger": "plus",
    "follow": "locate-fixed",
    "rounds": "repeat-2",
    "part": "layers",
    "problem": "triangle-alert",
    "plug-in": "puzzle",
    "state": "circle",
}
DRAWINGS = frozenset((*_OF_STEPS.values(), *_OF_STATES.values(), *_OF_OTHERS.values()))
"""The names of all drawings, as Lucide has them."""

_NOT_BUILT = '<rect width="16" height="16" x="4" y="4" rx="4"/>'


def icon_path(step_type: str) -> str:
    """Return the drawing of a step type, 24 by 24; a piece of a puzzle for one of a plug-in."""
    own = _OF_STEPS.get(step_type) or _OF_OTHERS.get(step_type)
    return _drawing(own or _OF_OTHERS["plug-in"])


def icon(step_type: str) -> str:
    """Return the icon as decorative SVG: the type is written beside it."""
    return _svg(icon_path(step_type))


def page_icon(name: str) -> str:
    """Return the icon of a part of the console, decorative too: its name is written beside it."""
    return _svg(_drawing(_OF_OTHERS[name]))


def state_path(state: str) -> str:
    """Return the drawing of the state of a run, a step or a version; a circle for any other."""
    return _drawing(_OF_STATES.get(state, _OF_OTHERS["state"]))


def state_icon(state: str) -> str:
    """Return the icon of a state as decorative SVG: the state is written beside it."""
    return _svg(state_path(state))


def _drawing(name: str) -> str:
    return _drawings().get(name, _NOT_BUILT)


@cache
def _drawings() -> Mapping[str, str]:
    file = BUILT / "icons.json"
    if not file.is_file():
        return {}
    found: Mapping[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _svg(drawing: str) -> str:
    return (
        '<svg class="icon" viewBox="0 0 24 24" width="16" height="16" aria-hidden="true">'
        f"{drawing}</svg>"
    )
