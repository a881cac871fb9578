"""JSON from others, taken strictly: no NaN, no infinity, no lone surrogates, no deep nesting."""

import json
import math
from typing import Any

from pydantic_core import from_json

from engine import Json
from steps.contract import StepBroke

DEEPEST = 64
"""How many levels of nesting a value from others may have."""

LONG_BYTES = 64 * 1024
"""Values from this length on are worth a turn for others between two looks at them."""

_TOO_DEEP = f"it is nested deeper than {DEEPEST} levels"
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_MARGIN = 100
"""How many levels deeper a value may stand where it is written once more, its callers counted."""


def parse_strictly(text: str, *, line_breaks: bool = False) -> Json:
    """Return the value of JSON text.

    Args:
        text: The text.
        line_breaks: Whether its strings may have control characters as they are.

    Returns:
        The value.

    Raises:
        ValueError: The text is no JSON, or holds what is refused; the message says what.
    """
    try:
        value: Json = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, strict=not line_breaks
        )
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as deep:
        raise ValueError(_TOO_DEEP) from deep
    _measure(value)
    return value


def _written(value: object) -> bytes:
    """Return a value as JSON. Raises `ValueError` that says why the journal could not keep it."""
    try:
        text = _encoder.encode(value).encode()
        if text.count(b"[") + text.count(b"{") > _MARGIN:
            for _ in range(_MARGIN):
                value = [value]
            _encoder.encode(value)
    except RecursionError as deep:
        raise ValueError("it is nested too deep") from deep
    except (TypeError, ValueError) as odd:
        raise ValueError(str(odd).encode(errors="replace").decode()[:200]) from odd
    return text


def as_kept(what: str, value: object, kind: str) -> tuple[Any, int]:
    """Return a value of others' code as the journal will give it back.

    A tuple is a list there, and a key a text: a run goes on with what a restart would find.

    Args:
        what: What the message of a failure begins with.
        value: The value.
        kind: The error type of a failure.

    Returns:
        The value, and how many bytes it has as JSON.

    Raises:
        StepBroke: The value is no JSON.
    """
    text = _fitting(what, value, kind)
    return from_json(text), len(text)


def must_fit(what: str, value: object, kind: str) -> int:
    """Return how many bytes a value has as JSON.

    Args:
        what: What the message of a failure begins with.
        value: The value.
        kind: The error type of a failure.

    Raises:
        StepBroke: The value is no JSON.
    """
    return len(_fitting(what, value, kind))


def _fitting(what: str, value: object, kind: str) -> bytes:
    try:
        return _written(value)
    except ValueError as why:
        raise StepBroke(kind, f"{what} no JSON value: {why}", retryable=False) from why


def _measure(value: Json) -> None:
    """Refuse what expressions, the journal and answers could not walk through."""
    level = [value]
    for _ in range(DEEPEST):
        inner = [item.values() if isinstance(item, dict) else item
                 for item in level if isinstance(item, dict | list)]  # fmt: skip
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond what a number can hold")
    return number
