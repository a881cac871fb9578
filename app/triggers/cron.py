"""Cron expressions in a time zone, and the moments that they name.

As in Debian's cron, an expression for a time of day fires once a day: if the clock skips that time,
right after the gap; if the clock shows it twice, only the first time. An expression with a star for
its minutes or hours follows elapsed time instead.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzdata
from cronsim import CronSim, CronSimError

from app.triggers.clock_changes import change_between, offset_at
from steps.language.durations import LATEST_MS
from steps.language.nearest import nearest

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = 5
_LONGEST = 200
_OVERLAP = timedelta(hours=3)
"""Longer than any time change sets a clock back."""


class Cron:
    """An expression in a time zone; moments are Unix milliseconds."""

    def __init__(self, expression: str, zone: str) -> None:
        """Take five fields or a macro such as `@daily`, and the name of an IANA time zone.

        Raises:
            ValueError: One of them is not valid, or the expression never matches.
        """
        self.zone = zone_of(zone)
        self._fields = checked_expression(expression)
        minute, hour, *_ = self._fields.split()
        self._is_elapsed = minute.startswith("*") or hour.startswith("*")

    def after(self, at_ms: int) -> int | None:
        """Return the first moment after `at_ms`, or None if there is none in fifty years."""
        if not 0 <= at_ms < LATEST_MS - 100 * 366 * 86_400_000:
            return None
        for moment in self._from(at_ms, back=False):
            if moment > at_ms:  # when the clock repeats an hour, a moment may be earlier
                return moment
        return None

    def upcoming(self, at_ms: int, count: int) -> list[int]:
        """Return the next moments after `at_ms`, soonest first."""
        found: list[int] = []
        moment = self.after(at_ms)
        while moment is not None and len(found) < count:
            found.append(moment)
            moment = self.after(moment)
        return found

    def between(self, first_ms: int, last_ms: int, most: int) -> tuple[list[int], bool]:
        """Return the newest moments from `first_ms` to `last_ms`, and whether there are more.

        Returns at most `most` moments, oldest first. The cost does not grow with the length of the
        period.
        """
        later_ms = last_ms + round(_OVERLAP.total_seconds() * 1_000)
        found: list[int] = []
        for moment in self._from(later_ms, back=True):
            if moment < first_ms:
                break
            if moment <= last_ms and moment not in found[-1:]:
                if len(found) == most:
                    return found[::-1], True
                found.append(moment)
        return found[::-1], False

    def written(self, at_ms: int) -> str:
        """Return a moment as an ISO date in the time zone."""
        return datetime.fromtimestamp(at_ms / 1_000, self.zone).isoformat()

    @staticmethod
    def read(written: str) -> int:
        """Return the moment from a text that `written` returned."""
        return round(datetime.fromisoformat(written).timestamp()) * 1_000

    def _from(self, at_ms: int, *, back: bool) -> Iterator[int]:
        at_s = at_ms // 1_000
        if self._is_elapsed:
            for second in self._elapsed(at_s, back=back):
                yield second * 1_000
            return
        start = datetime.fromtimestamp(at_s, self.zone)
        for moment in CronSim(self._fields, start, reverse=back):
            yield round(moment.astimezone(UTC).timestamp()) * 1_000

    def _elapsed(self, at_s: int, *, back: bool) -> Iterator[int]:
        """Return the moments of an expression that follows elapsed time, in Unix seconds.

        Between two changes of the clock, local time is UTC with one offset; a change of half an
        hour would make CronSim skip the minutes that are shown twice, or for the first time.
        """
        start, last = at_s, at_s - back
        while True:
            offset_s, change = offset_at(self.zone, last), None
            for local in CronSim(self._fields, _local(start, offset_s), reverse=back):
                moment = round(local.replace(tzinfo=UTC).timestamp()) - offset_s
                change = change_between(self.zone, last, moment, back=back)
                if change is not None:
                    break
                yield moment
                last = moment
            if change is None:
                return
            start, last = (change, change - 1) if back else (change - 1, change)


def _local(at_s: int, offset_s: int) -> datetime:
    return datetime.fromtimestamp(at_s + offset_s, UTC).replace(tzinfo=None)


def checked_expression(expression: str) -> str:
    """Return the five fields of an expression. Raises `ValueError` with the reason."""
    fields = MACROS.get(expression.strip().lower(), expression.strip())
    if fields.startswith("@"):
        raise ValueError(f"is not a known word; use one of {', '.join(MACROS)}")
    if len(fields) > _LONGEST or len(fields.split()) != _FIELDS:
        raise ValueError(
            "must have five fields: minute, hour, day of month, month, day of week, "
            "such as 0 9 * * 1-5"
        )
    try:
        if next(CronSim(fields, datetime(2026, 1, 1, tzinfo=UTC)), None) is None:
            raise ValueError("never comes true")
    except CronSimError as wrong:
        raise ValueError(f"is not valid: {str(wrong)[:1].lower()}{str(wrong)[1:]}") from wrong
    return fields


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone. Raises `ValueError` that suggests the most similar name."""
    if name not in _zones():
        raise ValueError(
            f"must be the name of a time zone, such as Europe/Berlin{nearest(name, _zones())}"
        )
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as missing:
        raise ValueError(f"is not a time zone that this system can read: {missing}") from missing


@cache
def _zones() -> frozenset[str]:
    return frozenset((files(tzdata) / "zones").read_text().split())
