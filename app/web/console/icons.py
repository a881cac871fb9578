"""Icons of one family: 16 by 16, one stroke, by what a step does or a page shows."""

from collections.abc import Mapping

_PATHS: Mapping[str, str] = {
    "call-api": (
        "M2.5 8h11M8 2.5c3.5 3.6 3.5 7.4 0 11c-3.5-3.6-3.5-7.4 0-11M8 2.5a5.5 5.5 0 1 1 0 11"
        "a5.5 5.5 0 0 1 0-11"
    ),
    "call-tool": (
        "M10.6 2.9a3.3 3.3 0 0 0-4.2 4.2L2.7 10.8a1.7 1.7 0 0 0 2.5 2.5L8.9 9.6"
        "a3.3 3.3 0 0 0 4.2-4.2L11 7.4L8.6 5z"
    ),
    "call-llm": (
        "M8 2.5v3M8 10.5v3M2.5 8h3M10.5 8h3M4.3 4.3l1.8 1.8M9.9 9.9l1.8 1.8M11.7 4.3"
        "L9.9 6.1M6.1 9.9l-1.8 1.8"
    ),
    "call-agent": "M4 6.5h8v6H4zM8 3.5v3M6.3 9.3v.6M9.7 9.3v.6M2.5 8.5v2M13.5 8.5v2",
    "call-workflow": "M3 3h4v4H3zM9 9h4v4H9zM5 7v4h4",
    "collect-inputs": "M3 3.5h10v9H3zM5.2 6.5h5.6M5.2 9.5h3.2",
    "request-user-action": (
        "M8 7.5a2.3 2.3 0 1 0 0-4.6a2.3 2.3 0 0 0 0 4.6M3.5 13.2c.4-5 8.6-5 9 0"
    ),
    "wait": "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11M8 5v3.2l2.2 1.3",
    "wait-for-signal": (
        "M8 9.2a1.2 1.2 0 1 0 0-2.4a1.2 1.2 0 0 0 0 2.4M5 11a4.2 4.2 0 0 1 0-6M11 5"
        "a4.2 4.2 0 0 1 0 6M3 13a7 7 0 0 1 0-10M13 3a7 7 0 0 1 0 10"
    ),
    "send-signal": "M2.5 8L13.5 3L11 13L7.8 9.3zM7.8 9.3L13.5 3",
    "set": "M3 5h10M3 11h10M6 3v4M10.5 9v4",
    "parallel": "M8 2.5v3M3.5 13.5V8.5h9v5M8 5.5v8",
    "group": "M2.8 5V2.8H5M11 2.8h2.2V5M13.2 11v2.2H11M5 13.2H2.8V11M5.5 6.5h5v3h-5z",
    "end-flow": "M4 13.5V3h8l-2 2.7L12 8.5H4",
}
DOCUMENTED = frozenset(_PATHS)
"""The built-in step types: the guide has a page for each."""

_OTHER = "M3.5 3.5h9v9h-9z"
_OF_PAGES: Mapping[str, str] = {
    "overview": "M2.5 13.5h11M4.5 11V8M8 11V3.5M11.5 11V6",
    "inbox": "M2.5 9l2-5.5h7l2 5.5v4h-11zM2.5 9h3l1 1.8h3l1-1.8h3",
    "runs": "M4.5 3l8 5l-8 5z",
    "workflows": "M5.5 2.5h5v3h-5zM2.5 10.5h4v3h-4zM9.5 10.5h4v3h-4zM8 5.5V8M4.5 10.5V8h7v2.5",
    "agents": _PATHS["call-agent"],
    "settings": "M3 5h5M11 5h2M3 11h2M8 11h5M9.5 3.5v3M6.5 9.5v3",
    "search": "M7 3a4 4 0 1 1 0 8a4 4 0 0 1 0-8M10 10l3.5 3.5",
    "guide": (
        "M8 4.5C6.5 3.3 4.5 3 2.5 3v9.5c2 0 4 .3 5.5 1.5c1.5-1.2 3.5-1.5 5.5-1.5V3"
        "C11.5 3 9.5 3.3 8 4.5V14"
    ),
    "sign-out": "M9.5 5V3h-6v10h6v-2M6.5 8h7M11 5.5l2.5 2.5L11 10.5",
}


def icon_path(step_type: str) -> str:
    """Return the outline of the icon of a step type; a plain square for one of a plug-in."""
    return _PATHS.get(step_type, _OTHER)


def icon(step_type: str) -> str:
    """Return the icon as decorative SVG: the type is written beside it."""
    return _drawn(icon_path(step_type))


def page_icon(name: str) -> str:
    """Return the icon of a part of the console, decorative too: its name is written beside it."""
    return _drawn(_OF_PAGES[name])


def _drawn(path: str) -> str:
    return (
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">'
        f'<path d="{path}"/></svg>'
    )
