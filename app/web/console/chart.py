"""The chart of the overview: the runs of each part of a period as one bar, by status."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from engine import Status

HEIGHT, WIDTH = 100, 10
"""The height of the chart, and the width of a bar with its gap, in units of its drawing."""

_GAP = 2
_LEAST = 1.5
"""The least height of a part of a bar: one failure among thousands of runs is seen."""

_STACK = (
    Status.COMPLETED, Status.RUNNING, Status.PAUSED, Status.CANCELLED, Status.TERMINATED,
    Status.FAILED,
)  # fmt: skip
"""The order of the statuses in a bar, from the bottom."""


def chart_of(spans: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the bars of a chart, with the address of the runs in each, and the tallest number."""
    tallest = max((sum(span["runs"].values()) for span in spans), default=0)
    return {
        "bars": [_bar(number, span, max(1, tallest)) for number, span in enumerate(spans)],
        "width": len(spans) * WIDTH,
        "height": HEIGHT,
        "tallest": tallest,
        "statuses": [status.value for status in _STACK],
    }


def _bar(number: int, span: Mapping[str, Any], tallest: int) -> dict[str, Any]:
    counts: Mapping[str, int] = span["runs"]
    asked = {"since": span["since"], "until": span["until"]}
    parts, top = [], float(HEIGHT)
    for status in _STACK:
        if count := counts.get(status.value, 0):
            height = max(_LEAST, count / tallest * HEIGHT)
            top = max(0.0, top - height)
            parts.append({"status": status.value, "y": round(top, 2), "height": round(height, 2)})
    label = ", ".join(
        f"{counts[status.value]:,} {status.value}" for status in _STACK if counts.get(status.value)
    )
    return {
        **span,
        "x": number * WIDTH + _GAP / 2,
        "width": WIDTH - _GAP,
        "parts": parts,
        "label": label,
        "link": f"/runs?{urlencode(asked)}",
        "links": {status: f"/runs?{urlencode({'status': status, **asked})}" for status in counts},
    }
