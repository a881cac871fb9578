"""Values of queries and filters: texts that are read as exactly one thing, or refused."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from app.wire.parsing.errors import BadRequest
from steps.contract.step_type import Problem
from steps.language.durations import duration_ms
from steps.language.iso_dates import read_day, read_moment

_NUMBER = re.compile(r"-?[0-9]{1,30}")
_DATE = re.compile(r"[0-9]{4}-")
_DAY = "must be a date such as 2026-01-31"
_MOMENT = "must be a date with a time and a zone, such as 2026-01-31T12:00:00Z"


def _flag(text: object) -> bool:
    if isinstance(text, bool):
        return text
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _whole(text: object) -> int:
    if type(text) is int:
        return text
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def _moment(text: object) -> datetime:
    """Return a moment; a bare number is refused, since it could mean a year, seconds or ms."""
    if isinstance(text, datetime):
        return text
    if not isinstance(text, str) or not _DATE.match(text):
        raise ValueError(_MOMENT)
    try:
        moment = read_moment(text)
    except ValueError:
        raise ValueError(_MOMENT) from None
    if moment.tzinfo is None:
        raise ValueError("must have a time zone, such as 2026-01-31T12:00:00Z")
    return moment


def _day(text: object) -> date:
    """Return a day; a bare number is refused, since it could mean seconds."""
    if type(text) is date:
        return text
    if not isinstance(text, str) or not _DATE.match(text):
        raise ValueError(_DAY)
    try:
        return read_day(text)
    except ValueError:
        raise ValueError(_DAY) from None


def _length(text: object) -> object:
    duration_ms(text)
    return text


Flag = Annotated[bool, BeforeValidator(_flag)]
"""A boolean."""
Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number, in digits only."""
Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A moment with a time zone."""
Day = Annotated[date, BeforeValidator(_day)]
"""A date without a time."""
Length = Annotated[str, AfterValidator(_length)]
"""A duration."""


def once_each(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the values by name. Raises `BadRequest` for a name that is given twice.

    One of the two values would have no effect, and programs differ in which one.
    """
    pairs = list(given)
    values = dict(pairs)
    if len(values) < len(pairs):
        times = Counter(name for name, _ in pairs)
        problems = [
            Problem(name[:100], "is given more than once") for name, n in times.items() if n > 1
        ]
        raise BadRequest("the request is not acceptable", problems[:10])
    return values
