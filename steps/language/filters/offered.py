"""Filters for data mapping beyond those of MiniJinja; the work of each is bounded.

MiniJinja's fuel does not count this work, so each call takes from an allowance of its own, and more
for long texts. Otherwise an expression that calls a filter for each of thousands of items would
block the event loop.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import date as Day  # noqa: N812 - `date` is the parameter's word
from functools import wraps
from threading import local
from typing import Any

from steps.language.durations import duration_ms
from steps.language.filters.dates import DATE_FILTERS
from steps.language.filters.lists import LIST_FILTERS
from steps.language.filters.misfit import fits, misfit
from steps.language.filters.numbers import NUMBER_FILTERS, rounded
from steps.language.filters.tests import KINDED
from steps.language.filters.texts import TEXT_FILTERS, matches
from steps.language.frozen import freeze, thaw
from steps.language.iso_dates import read_day, read_moment
from steps.language.strict_json import parse_strictly

_LONGEST_PATTERN = 200
_WIDEST_INDENT = 8
_DAY = timedelta(days=1)
_DIRECTIVE = re.compile(r"%.?", re.DOTALL)
_DIRECTIVES = frozenset("%aAbBcdDeFfgGhHIjklmMnpPrRsStTuUVwWxXyYzZ-_^#0123456789")
"""The signs that may follow a percent sign: directives, flags and widths."""
# As MiniJinja escapes them, so that the text is safe in HTML.
_FOR_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"})


def to_json(value: Any) -> str:
    """Return the value as JSON text."""
    return json.dumps(thaw(value), ensure_ascii=False, separators=(",", ":"))


def tojson(value: Any, indent: int | bool | None = None) -> str:
    """Return the value as JSON text for HTML, indented by `indent` (true: 2) spaces.

    It replaces MiniJinja's own filter, which allocates memory for any indentation until the process
    dies.
    """
    width = 2 if indent is True else indent or None
    if width is not None and not 0 < width <= _WIDEST_INDENT:
        raise ValueError(f"indent must be 1 to {_WIDEST_INDENT}")
    text = json.dumps(thaw(value), ensure_ascii=False, indent=width)
    return text.translate(_FOR_HTML)


def pprint(value: Any) -> str:
    """Return the value as JSON text of several lines."""
    return json.dumps(thaw(value), ensure_ascii=False, indent=2)


def from_json(text: str) -> Any:
    """Return the value of JSON text."""
    try:
        return freeze(parse_strictly(text))
    except json.JSONDecodeError as wrong:
        raise ValueError(f"the text is not JSON: {wrong}") from None


def date_add(date: str, duration: str) -> str:
    """Return an ISO date moved by a duration such as `7d` or `-2h`.

    A date without a time stays a date if it moves by whole days.
    """
    try:
        moved = timedelta(milliseconds=duration_ms(duration.removeprefix("-")))
    except ValueError as wrong:
        raise ValueError(f"duration {wrong}; date_add_months adds months and years") from None
    moved = -moved if duration.startswith("-") else moved
    if _is_day(date) and not moved % _DAY:
        return (read_day(date) + moved).isoformat()
    return (read_moment(date) + moved).isoformat().replace("+00:00", "Z")


def date_format(date: str, pattern: str) -> str:
    """Return an ISO date in a strftime pattern; for `%s`, a date without an offset is in UTC."""
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"the pattern of a date has {_LONGEST_PATTERN} characters at most")
    if "\0" in pattern:
        raise ValueError("the pattern of a date cannot have a NUL character")
    if "%" not in pattern:
        raise ValueError("the pattern has no directive: write %Y-%m-%d, not YYYY-MM-DD")
    moment = read_moment(date)
    return moment.strftime(_DIRECTIVE.sub(lambda found: _directive(found[0], moment), pattern))


def _is_day(date: str) -> bool:
    try:
        Day.fromisoformat(date)
    except ValueError:
        return False
    return True


def _directive(directive: str, moment: datetime) -> str:
    """Return a directive with defined output; `strftime` depends on the platform for these."""
    match directive:
        case "%Y":
            return f"{moment.year:04}"
        case "%C":
            return f"{moment.year // 100:02}"
        case "%G":
            return f"{moment.isocalendar().year:04}"
        case "%F":
            return f"{moment.year:04}-%m-%d"
        case "%s":
            known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return str(int(known.timestamp()))
        case _:
            if directive[1:] not in _DIRECTIVES:
                raise ValueError(f"{directive} is not a directive; a percent sign is written %%")
            return directive


_CALLS = 8_000
_CHARACTERS_A_CALL = 100
_ROUNDINGS_A_CALL = 10
"""Each number of a long list may be rounded, which is little work."""


class _Work(local):
    """The remaining work of this thread's filters, because MiniJinja passes no context."""

    left: float = _CALLS


_work = _Work()


def begin() -> None:
    """Begin an evaluation with the full allowance."""
    _work.left = _CALLS


def _spend(value: Any) -> None:
    _work.left -= 1 + (len(value) // _CHARACTERS_A_CALL if isinstance(value, str) else 0)


def _counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def counted(value: Any, *arguments: Any, **named: Any) -> Any:
        if _work.left <= 0:  # the first call is always allowed, however long its text
            raise ValueError("it takes too many operations: filters are called too often")
        if call is rounded:
            _work.left -= 1 / _ROUNDINGS_A_CALL
        else:
            _spend(value)
        try:
            result = call(value, *arguments, **named)
        except (AttributeError, TypeError) as odd:
            raise ValueError(misfit(name, call, (value, *arguments), named)) from odd
        if call is not rounded and not fits(call, (value, *arguments), named):
            raise ValueError(misfit(name, call, (value, *arguments), named))
        if call is not rounded:
            _spend(result)
        return freeze(result)

    return counted


_OFFERED: tuple[Callable[..., Any], ...] = (
    to_json, tojson, pprint, from_json, date_add, date_format, *DATE_FILTERS, *TEXT_FILTERS,
    *LIST_FILTERS,
)  # fmt: skip
_NAMED = {**{call.__name__: call for call in _OFFERED}, **NUMBER_FILTERS}
FILTERS: dict[str, Callable[..., Any]] = {
    name: _counted(name, call) for name, call in _NAMED.items()
}
TESTS: dict[str, Callable[..., Any]] = {"matching": _counted("matching", matches), **KINDED}
