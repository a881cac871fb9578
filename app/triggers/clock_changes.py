"""Changes of the clock in a time zone: where its distance from UTC becomes another one."""

from datetime import datetime
from zoneinfo import ZoneInfo

_STEP_S = 5 * 86_400
"""Less than the time between two changes of any zone."""


def offset_at(zone: ZoneInfo, at_s: int) -> int:
    """Return how many seconds local time is ahead of UTC at a moment in Unix seconds."""
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    assert offset is not None  # noqa: S101 - a zone has one at every moment
    return round(offset.total_seconds())


def change_between(zone: ZoneInfo, start_s: int, end_s: int, *, back: bool) -> int | None:
    """Return the first change on the way from one moment to another, or None.

    A change is the first second with the new offset; it is after the earlier of the two moments.
    """
    while start_s != end_s:
        next_s = max(start_s - _STEP_S, end_s) if back else min(start_s + _STEP_S, end_s)
        earlier, later = min(start_s, next_s), max(start_s, next_s)
        if (offset := offset_at(zone, earlier)) != offset_at(zone, later):
            while later - earlier > 1:
                middle = (earlier + later) // 2
                if offset_at(zone, middle) == offset:
                    earlier = middle
                else:
                    later = middle
            return later
        start_s = next_s
    return None
