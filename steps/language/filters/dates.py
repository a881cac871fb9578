"""Filters for dates and times: ISO 8601 texts in and out, time zones by IANA name."""

import calendar
import re
from collections.abc import Callable, Collection, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from steps.language.iso_dates import read_day, read_moment

_LONGEST = 200
_MOST_DAYS = 20_000
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}
_MONTHS = {"months": 1, "quarters": 3, "years": 12}
_UNITS = ("hour", "day", "week", "month", "quarter", "year")
_SATURDAY = 6
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_WITH_YEAR = frozenset("yYGcx")
"""The directives that read a year."""

_FIGURE = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def date_in(value: str, zone: str) -> str:
    """Return a time as local time in a zone; a date without a time is the start of its day."""
    return _text(_local(value, zone))


def _local(value: str, zone: str) -> datetime:
    place = _zone(zone)
    if _is_day(value):
        return _on_the_clock(datetime.combine(read_day(value), time(), place))
    return _moment(value).astimezone(place)


def _on_the_clock(moment: datetime) -> datetime:
    """Return a moment as its zone's clock shows it, which may skip the time that was written."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo)


def date_diff(value: str, other: str, unit: str = "days") -> int | float:
    """Return how much later `value` is than `other`; months and years are whole numbers."""
    late, early = _moment(value), _moment(other)
    if unit in _MONTHS:
        sign, late, early = (1, late, early) if late >= early else (-1, early, late)
        return sign * (_whole_months(late, early) // _MONTHS[unit])
    if unit not in _SECONDS:
        raise ValueError(f"unit must be one of {', '.join((*_SECONDS, *_MONTHS))}")
    passed = (late - early) / timedelta(seconds=_SECONDS[unit])
    return int(passed) if passed.is_integer() else passed


def date_trunc(value: str, unit: str, zone: str | None = None) -> str:
    """Return the start of the hour, day, week, month, quarter or year of a date."""
    if unit not in _UNITS:
        raise ValueError(f"unit must be one of {', '.join(_UNITS)}")
    if _is_day(value) and zone is None:
        return _first_day(read_day(value), unit).isoformat()
    moment = _moment(value) if zone is None else _local(value, zone)
    if unit == "hour":
        return _text(_on_the_clock(moment.replace(minute=0, second=0, microsecond=0)))
    first = datetime.combine(_first_day(moment.date(), unit), time(), moment.tzinfo)
    return _text(_on_the_clock(first))


def date_add_months(value: str, months: int) -> str:
    """Return a date a number of months later; in a shorter month, its last day."""
    given = _read(value)
    index = given.year * 12 + given.month - 1 + _whole(months, "months")
    year, month = divmod(index, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise ValueError(f"a date is in the years {MINYEAR} to {MAXYEAR}")
    day = min(given.day, calendar.monthrange(year, month + 1)[1])
    moved = given.replace(year=year, month=month + 1, day=day)
    return moved.isoformat() if not isinstance(moved, datetime) else _text(moved)


def date_add_business_days(value: str, days: int, holidays: Sequence[str] = ()) -> str:
    """Return a date a number of working days later, skipping weekends and holidays."""
    given, left = _read(value), _whole(days, "days")
    if abs(left) > _MOST_DAYS:
        raise ValueError(f"days may be {_MOST_DAYS} at most")
    free, step = _days(holidays), timedelta(days=1 if left > 0 else -1)
    while left:
        given += step
        if _works(given, free):
            left -= step.days
    return given.isoformat() if not isinstance(given, datetime) else _text(given)


def business_days(value: str, until: str, holidays: Sequence[str] = ()) -> int:
    """Return the number of working days from a date up to, but not including, another."""
    day, end, free = _day(value), _day(until), _days(holidays)
    if abs((end - day).days) > _MOST_DAYS:
        raise ValueError(f"the dates may be {_MOST_DAYS} days apart at most")
    sign = 1 if day <= end else -1
    day, end = min(day, end), max(day, end)
    span = (day + timedelta(days=past) for past in range((end - day).days))
    return sign * sum(_works(one, free) for one in span)


def date_parse(text: str, pattern: str, zone: str | None = None) -> str:
    """Return the ISO date of a text in a strftime pattern, in UTC or in a zone."""
    if len(pattern) > _LONGEST or len(text) > _LONGEST:
        raise ValueError(f"text and pattern may have {_LONGEST} characters at most")
    signs = _DIRECTIVE.findall(pattern)
    if twice := next((sign for sign in signs if sign != "%" and signs.count(sign) > 1), None):
        raise ValueError(f"the pattern has %{twice} twice")
    moment = _parsed(text, pattern, signs)
    if not set("HIMSfcX") & set(signs):
        return moment.date().isoformat()
    if moment.tzinfo is None:
        moment = _on_the_clock(moment.replace(tzinfo=UTC if zone is None else _zone(zone)))
    return _text(moment)


def _parsed(text: str, pattern: str, signs: Collection[str]) -> datetime:
    needs_year = "d" in signs and _WITH_YEAR.isdisjoint(signs)
    # A day without a year is in 1900, which Python from 3.15 on does not assume.
    given, expected = (text + " 1900", pattern + " %Y") if needs_year else (text, pattern)
    try:
        return datetime.strptime(given, expected)  # noqa: DTZ007 - the caller adds the zone
    except ValueError as wrong:
        reason = str(wrong)
    if "bad directive" in reason or "stray %" in reason:
        message = f"the pattern {pattern!r} has an unknown directive; a percent sign is written %%"
        raise ValueError(message)
    if reason.startswith(("time data", "unconverted data")):
        raise ValueError(f"{text!r} does not match the pattern {pattern!r}")
    raise ValueError(reason)


def date_parts(value: str, zone: str | None = None) -> dict[str, int]:
    """Return year, month, day, and the other parts of a date and time."""
    moment = _read(value) if zone is None else _local(value, zone)
    iso = moment.isocalendar()
    parts = {
        "year": moment.year, "quarter": (moment.month + 2) // 3, "month": moment.month,
        "week": iso.week, "day": moment.day, "dayOfYear": moment.timetuple().tm_yday,
        "weekday": iso.weekday,
    }  # fmt: skip
    if isinstance(moment, datetime):
        parts |= {"hour": moment.hour, "minute": moment.minute, "second": moment.second}
    return parts


def timestamp(value: str) -> int | float:
    """Return a time as Unix seconds."""
    seconds = _moment(value).timestamp()
    return int(seconds) if seconds.is_integer() else seconds


def from_timestamp(seconds: float | str) -> str:
    """Return the time of Unix seconds, in UTC."""
    if isinstance(seconds, str) and not _FIGURE.fullmatch(seconds.strip()):
        raise ValueError(f"{seconds[:_LONGEST]!r} is not a number of seconds")
    try:
        return _text(datetime.fromtimestamp(float(seconds), UTC))
    except (OverflowError, ValueError, OSError):
        hint = "divide milliseconds by 1000"
        raise ValueError(f"{seconds} seconds are beyond the year 9999; {hint}") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {str(name)[:80]!r}") from None


def _is_day(value: str) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= len("20260101-W")
        and "T" not in value
        and ":" not in value
    )


def _read(value: str) -> date:
    return read_day(value) if _is_day(value) else read_moment(value)


def _moment(value: str) -> datetime:
    moment = read_moment(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(value: str) -> date:
    given = _read(value)
    return given.date() if isinstance(given, datetime) else given


def _days(values: Sequence[str]) -> frozenset[date]:
    if isinstance(values, str):
        raise ValueError("holidays must be a list of dates")  # noqa: TRY004 - told as the others
    return frozenset(_day(value) for value in values)


def _works(day: date, free: frozenset[date]) -> bool:
    plain = day.date() if isinstance(day, datetime) else day
    return plain.isoweekday() < _SATURDAY and plain not in free


def _first_day(day: date, unit: str) -> date:
    match unit:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def _whole_months(late: datetime, early: datetime) -> int:
    early = early.astimezone(late.tzinfo)
    months = (late.year - early.year) * 12 + late.month - early.month
    last = calendar.monthrange(late.year, late.month)[1]
    cut = (min(early.day, last), early.time())
    return months - ((late.day, late.time()) < cut)


def _whole(value: Any, name: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{name} must be a whole number")
    return value


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


DATE_FILTERS: tuple[Callable[..., Any], ...] = (
    date_in, date_diff, date_trunc, date_add_months, date_add_business_days, business_days,
    date_parse, date_parts, timestamp, from_timestamp,
)  # fmt: skip
"""The filters that `steps/language/filters/offered.py` offers from this file."""
