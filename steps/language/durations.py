"""Durations: `500ms`, `30s`, `5m`, `2h`, `7d`, `2w`, or ISO 8601 such as `PT30S`."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SHORT = re.compile(r"([0-9]{1,12})(ms|s|m|h|d|w)")
_ISO = re.compile(
    r"P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?"
    r"(?:([0-9]{1,12}(?:\.[0-9]{1,3})?)S)?)?"
)
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_WRITTEN = {unit: size for unit, size in _UNIT_MS.items() if unit != "w"}
LONGEST_MS = 100 * 366 * 86_400_000
LATEST_MS = 253_402_300_800_000
"""The year 10000, for which no date can be written."""


def duration_ms(text: object) -> int:
    """Return a duration in milliseconds.

    Args:
        text: Such as `30s`, `5m`, `2h`, `7d` or `PT30S`.

    Returns:
        Milliseconds, more than 0.

    Raises:
        ValueError: It is not a duration, or is longer than a hundred years.
    """
    wrong = ValueError("must be a duration such as 30s, 5m, 2h, 7d, 2w or PT30S, up to 100 years")
    if not isinstance(text, str):
        raise wrong
    if short := _SHORT.fullmatch(text):
        length = int(short[1]) * _UNIT_MS[short[2]]
    elif (iso := _ISO.fullmatch(text)) and any(iso.groups()):
        weeks, days, hours, minutes, seconds = (float(part or 0) for part in iso.groups())
        length = round(
            (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1_000
        )
    else:
        raise wrong
    if not 0 < length <= LONGEST_MS:
        raise wrong
    return length


def duration_text(length_ms: int) -> str:
    """Return a duration as text.

    Args:
        length_ms: Milliseconds, more than 0.

    Returns:
        The text in the largest unit that is exact, such as `90s` or `7d`.
    """
    unit = next(unit for unit, size in reversed(_WRITTEN.items()) if length_ms % size == 0)
    return f"{length_ms // _UNIT_MS[unit]}{unit}"


Duration = Annotated[
    int,
    BeforeValidator(duration_ms),
    WithJsonSchema({"type": "string", "examples": ["30s", "5m", "PT1H"]}),
]
"""A field that is written as a duration and holds milliseconds."""

WRITTEN = PlainSerializer(duration_text, return_type=str, when_used="json")
"""Annotates a field that is a duration in the JSON of its model, too."""


def is_duration(annotation: Any) -> bool:
    """Return whether an annotation, or a part of it, is `Duration` or what makes an integer one."""
    if isinstance(annotation, BeforeValidator):
        return annotation.func is duration_ms
    parts = (*getattr(annotation, "__args__", ()), *getattr(annotation, "__metadata__", ()))
    return any(map(is_duration, parts))
