"""Which numbers of a spreadsheet are dates: it is only their format that says so."""

import re
from datetime import datetime, time, timedelta
from typing import Literal, TypeAlias

Meaning: TypeAlias = Literal["number", "date", "elapsed"]

_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)})
_ELAPSED = 46
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')
_IS_ELAPSED = re.compile(r"\[(h+|m+|s+)\]")
_SINCE_1900, _SINCE_1904 = (datetime.fromisoformat(day) for day in ("1899-12-30", "1904-01-01"))
_DAY_THAT_NEVER_WAS = 60
"""The 29 February 1900, which Excel counts."""


def meaning_of(format_id: int, code: str | None) -> Meaning:
    """Return what a number of that format is; `code` is None where it is built in."""
    if code is None:
        return "elapsed" if format_id == _ELAPSED else "date" if format_id in _DATES else "number"
    shown = _LITERAL.sub("", code.partition(";")[0].lower())
    if _IS_ELAPSED.search(shown):
        return "elapsed"
    is_date = "general" not in shown and any(part in shown for part in (*"dmyhs", "aaa"))
    return "date" if is_date else "number"


def as_moment(serial: float, meaning: Meaning, *, since_1904: bool) -> object:
    """Return the date, the time of day or the duration that a number stands for.

    A number beyond the calendar stays a number.
    """
    try:
        if meaning == "elapsed":
            return elapsed(timedelta(seconds=round(serial * 86_400)))
        if since_1904:
            moment = _SINCE_1904 + timedelta(seconds=round(serial * 86_400, 3))
        else:
            days = serial + 1 if 1 <= serial < _DAY_THAT_NEVER_WAS else serial
            moment = _SINCE_1900 + timedelta(seconds=round(days * 86_400, 3))
    except (OverflowError, ValueError):
        return serial
    if serial < 0:
        return serial
    return time(moment.hour, moment.minute, moment.second) if serial < 1 else moment


def elapsed(duration: timedelta) -> str:
    """Return a duration as Excel shows it, in hours, minutes and seconds."""
    seconds = round(abs(duration).total_seconds())
    sign = "-" if duration < timedelta(0) else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
