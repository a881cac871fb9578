"""JSON from others, taken strictly: no NaN, no infinity, no lone surrogates, no deep nesting."""

import json
import math
import re
from functools import cache
from typing import Any

from pydantic_core import from_json, to_json

from engine import Json
from steps.contract.step_type import StepBroke

_FAULTS = (
    ("'", "texts stand in double quotes"),
    ("/#", "JSON has no comments"),
    ("TFN", "write true, false or null"),
)
"""What stands where JSON should go on, and what may be meant."""

DEEPEST = 64
"""How many levels of nesting a value from others may have."""

LONG_BYTES = 64 * 1024
"""Values from this length on are worth a turn for others between two looks at them."""

_SHORT = 4_000
_TOO_MANY_DIGITS = "integer string conversion"
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_LARGEST_INTEGER = 2**53
_MANY_DIGITS = re.compile(rb"[0-9]{%d}" % _SHORT).search
_NO_NUMBER = re.compile(rb"NaN|Infinity").search
_DEEPEST_KEPT = 200
"""How many levels a value of a step may have: what reads JSON for the journal takes no more."""


class JsonRefused(ValueError):
    """A value is JSON, and is refused all the same.

    Attributes:
        what: What is wrong with it, to go on after a name of the text.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"it {what}")


def parse_strictly(
    text: str,
    *,
    line_breaks: bool = False,
    unique_keys: bool = False,
    exact_integers: bool = False,
    most_values: int | None = None,
) -> Json:
    """Return the value of JSON text.

    Args:
        text: The text.
        line_breaks: Whether its strings may have control characters as they are.
        unique_keys: Whether an object that has a key twice is refused.
        exact_integers: Whether integers beyond 2^53 are refused, which not every reader keeps.
        most_values: How many values it may hold, None for as many as there are.

    Returns:
        The value.

    Raises:
        JsonRefused: The value is nested too deep, or holds too many values or half a character.
        ValueError: The text is no JSON, or holds what is refused; the message says what.
    """
    try:
        value: Json = _decoder(line_breaks, unique_keys, exact_integers).decode(text)
    except RecursionError as deep:
        raise _too_deep(DEEPEST) from deep
    except ValueError as wrong:
        if _TOO_MANY_DIGITS in str(wrong):
            raise JsonRefused("holds a number of more than 4,300 digits") from wrong
        raise
    must_be_bounded(value, most_values)
    try:
        text.encode()
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as half:
        raise JsonRefused("holds half of a surrogate pair (\\ud800-\\udfff)") from half
    return value


@cache
def _decoder(line_breaks: bool, unique_keys: bool, exact_integers: bool) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique if unique_keys else None,
        parse_constant=_refuse,
        parse_float=finite,
        parse_int=exact_integer if exact_integers else None,
        strict=not line_breaks,
    )


def json_fault(fault: json.JSONDecodeError) -> str:
    """Return in words why a text is no JSON: what, what to do about it, and where."""
    before, here = fault.doc[: fault.pos].rstrip(), fault.doc[fault.pos : fault.pos + 1]
    hint = next((told for signs, told in _FAULTS if here and here in signs), "")
    if not before and not here:
        return "it is empty"
    if before.endswith(",") and here and here in "]}":
        hint = f"no comma stands before `{here}`"
    place = f"line {fault.lineno} column {fault.colno}"
    return f"{fault.msg.removesuffix(' at')}{hint and f' ({hint})'} at {place}"


def must_be_bounded(
    value: object, most_values: int | None = None, *, deepest: int = DEEPEST
) -> None:
    """Refuse what expressions, the journal and answers could not walk through.

    Args:
        value: The value.
        most_values: How many values it may hold, itself counted.
        deepest: How many levels of nesting it may have.

    Raises:
        JsonRefused: It is nested deeper, or holds more values.
    """
    level: list[Any] = [value] if isinstance(value, dict | list | tuple) else []
    count = 1
    for _ in range(deepest):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        count += sum(map(len, inner))
        if most_values is not None and count > most_values:
            raise JsonRefused(f"holds more than {most_values} values")
        level = [item for items in inner for item in items if isinstance(item, dict | list | tuple)]
        if not level:
            return
    raise _too_deep(deepest)


def finite(text: str) -> float:
    """Return a number that is not whole. Raises `ValueError` for one beyond all numbers."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def exact_integer(text: str) -> int:
    """Return a whole number. Raises `ValueError` for one that not every reader keeps as it is."""
    if len(text) > 17 or abs(int(text)) > _LARGEST_INTEGER:  # noqa: PLR2004 - digits of 2**53
        raise ValueError(f"the number {text[:40]} is beyond 2^53; send it as a string")
    return int(text)


def _written(value: object) -> bytes:
    """Return a value as JSON. Raises `ValueError` that says why the journal could not keep it."""
    try:
        text = _encoder.encode(value).encode()
    except RecursionError as deep:
        raise _too_deep(_DEEPEST_KEPT) from deep
    except (TypeError, ValueError) as odd:
        raise ValueError(str(odd).encode(errors="replace").decode()[:200]) from odd
    if text.count(b"[") + text.count(b"{") > _DEEPEST_KEPT:
        must_be_bounded(value, deepest=_DEEPEST_KEPT)
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
    try:
        text = to_json(value, inf_nan_mode="constants")  # as in `must_fit`
        is_plain = not _NO_NUMBER(text) if len(text) <= _DEEPEST_KEPT else _is_plain(text, value)
        kept = from_json(text) if is_plain else None
    except ValueError:
        kept = None
    if kept is not None and kept == value:  # else it holds what JSON has not, or a tuple
        return kept, len(text)
    text = _fitting(what, value, kind)
    return from_json(text), len(text)


def must_fit(what: str, value: Json, kind: str) -> int:
    """Return how many bytes a value has as JSON.

    Args:
        what: What the message of a failure begins with.
        value: The value, of the plain types that JSON has.
        kind: The error type of a failure.

    Raises:
        StepBroke: The value is no JSON.
    """
    try:
        text = to_json(value, inf_nan_mode="constants")  # a fifth of the time of what finds faults
    except ValueError:
        text = b""
    size = len(text)
    # As in `as_kept`: what is short is nested less deep than it is long.
    is_plain = not _NO_NUMBER(text) if size <= _DEEPEST_KEPT else _is_plain(text, value)
    return size if size and is_plain else len(_fitting(what, value, kind))


def _is_plain(text: bytes, value: object) -> bool:
    """Say whether a value's text holds nothing that what reads JSON for the journal does not take.

    In a short one no integer has more digits than can be read back, and in a very short one
    nothing is nested too deep.
    """
    if _NO_NUMBER(text) or (len(text) >= _SHORT and _MANY_DIGITS(text)):
        return False
    if text.count(b"[") + text.count(b"{") > _DEEPEST_KEPT:
        try:
            must_be_bounded(value, deepest=_DEEPEST_KEPT)
        except JsonRefused:
            return False
    return True


def _fitting(what: str, value: object, kind: str) -> bytes:
    try:
        return _written(value)
    except ValueError as why:
        raise StepBroke(kind, f"{what} no JSON value: {why}", retryable=False) from why


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {name[:80]!r} is there twice in one object")
            seen.add(name)
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _too_deep(deepest: int) -> JsonRefused:
    return JsonRefused(f"is nested deeper than {deepest} levels")
