"""Parses untrusted JSON strictly: no NaN, infinity, lone surrogates or deep nesting."""

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
"""Characters where the JSON should continue, and the probable mistake."""

DEEPEST = 64
"""The most levels of nesting in an untrusted value."""

LONG_BYTES = 64 * 1024
"""For values from this length on, other tasks get a turn between two passes."""

_SHORT = 4_000
_TOO_MANY_DIGITS = "integer string conversion"
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_LARGEST_INTEGER = 2**53
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS = b"0" * _SHORT
_LARGE = re.compile(r"[0-9]{16}").search
_N, _I = b"NI"  # a text is searched for a number in an eighth of the time for a byte string
_DEEPEST_KEPT = 200
"""The most levels in a value of a step: the journal's JSON reader accepts no more."""


class JsonRefused(ValueError):
    """A value is JSON, but is refused.

    Attributes:
        what: What is wrong with it, as the continuation of a sentence about the text.
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
        line_breaks: Whether strings may contain unescaped control characters.
        unique_keys: Whether an object with a repeated key is refused.
        exact_integers: Whether integers beyond 2^53 are refused, because some readers round them.
        most_values: The most values that it may hold, None for no limit.

    Returns:
        The value.

    Raises:
        JsonRefused: The value is nested too deep, holds too many values, or has an unpaired
            surrogate.
        ValueError: The text is not JSON, or holds something that is refused; the message says what.
    """
    plain = _plain(text) if len(text) <= _SHORT else None
    if plain is not None and (most_values is None or len(text) <= most_values):
        return plain
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


def _plain(text: str) -> Json:
    """Return the value of a text that would be written in the same way, None for any other text.

    If the value is written with the same characters except for spaces, the text has the same
    tokens: no key stands in it twice, no number is rounded, no surrogate stands alone.
    """
    if text.count("[") + text.count("{") > DEEPEST or _LARGE(text):
        return None
    try:
        value: Json = from_json(text, allow_inf_nan=False)
        written = to_json(value).decode()
    except (TypeError, ValueError):  # the first if the text itself has half of a surrogate pair
        return None
    is_same = written == text or written.replace(" ", "") == text.replace(" ", "")
    return value if is_same else None


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
    """Return in words why a text is not JSON: the fault, the remedy, and the place."""
    before, here = fault.doc[: fault.pos].rstrip(), fault.doc[fault.pos : fault.pos + 1]
    hint = next((hint for signs, hint in _FAULTS if here and here in signs), "")
    if not before and not here:
        return "it is empty"
    if before.endswith(",") and here and here in "]}":
        hint = f"no comma stands before `{here}`"
    place = f"line {fault.lineno} column {fault.colno}"
    return f"{fault.msg.removesuffix(' at')}{hint and f' ({hint})'} at {place}"


def must_be_bounded(
    value: object, most_values: int | None = None, *, deepest: int = DEEPEST
) -> None:
    """Refuse values that expressions, the journal and responses could not process.

    Args:
        value: The value.
        most_values: The most values that it may hold, including itself.
        deepest: The most levels of nesting.

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
    """Return a fractional number. Raises `ValueError` if it is too large."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def exact_integer(text: str) -> int:
    """Return a whole number. Raises `ValueError` if some readers would round it."""
    if len(text) > 17 or abs(int(text)) > _LARGEST_INTEGER:  # noqa: PLR2004 - digits of 2**53
        raise ValueError(f"the number {text[:40]} is beyond 2^53; send it as a string")
    return int(text)


def _written(value: object) -> bytes:
    """Return a value as JSON. Raises `ValueError` if the journal cannot store it, and why."""
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
    """Return a value from other code as the journal will return it.

    Tuples become lists, and keys become texts, so that a run sees what it would see after a
    restart.

    Args:
        what: The beginning of the message of a failure.
        value: The value.
        kind: The error type of a failure.

    Returns:
        The value, and its size as JSON in bytes.

    Raises:
        StepBroke: The value is not JSON.
    """
    try:
        text = to_json(value, inf_nan_mode="constants")  # as in `must_fit`
        if len(text) <= _DEEPEST_KEPT and _N not in text and _I not in text:
            kept = from_json(text)
        else:
            kept = _read_back(text) if _is_plain(text) else None
    except ValueError:
        kept = None
    if kept is not None and kept == value:  # otherwise it holds a tuple or a non-JSON value
        return kept, len(text)
    text = _fitting(what, value, kind)
    return from_json(text), len(text)


def must_fit(what: str, value: Json, kind: str) -> int:
    """Return the size of a value as JSON in bytes.

    Args:
        what: The beginning of the message of a failure.
        value: The value, of the plain types that JSON has.
        kind: The error type of a failure.

    Raises:
        StepBroke: The value is not JSON.
    """
    try:
        text = to_json(value, inf_nan_mode="constants")  # faster than finding faults
        # As in `as_kept`: a short text cannot be nested deeper than its length.
        if 0 < len(text) <= _DEEPEST_KEPT and _N not in text and _I not in text:
            return len(text)
        if _is_plain(text):
            if text.count(b"[") + text.count(b"{") > _DEEPEST_KEPT:
                _read_back(text)
            return len(text)
    except ValueError:
        pass
    return len(_fitting(what, value, kind))


def _read_back(text: bytes) -> Any:
    """Return the value of a text. Raises `ValueError` if it is nested too deep for the journal.

    The reader's own limit is one more, and finds that in a third of the time of a search.
    """
    return from_json(b"[%b]" % text)[0]


def _is_plain(text: bytes) -> bool:
    """Return whether the journal's JSON reader accepts a value's text, if it is not too deep.

    In a short text no integer has too many digits to read back.
    """
    if b"NaN" in text or b"Infinity" in text:
        return False
    # A pattern would count the digits of a long number again from each of them.
    return len(text) < _SHORT or _MANY_DIGITS not in text.translate(_DIGITS)


def _fitting(what: str, value: object, kind: str) -> bytes:
    try:
        return _written(value)
    except ValueError as why:
        raise StepBroke(kind, f"{what} not a JSON value: {why}", retryable=False) from why


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {name[:80]!r} occurs twice in one object")
            seen.add(name)
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _too_deep(deepest: int) -> JsonRefused:
    return JsonRefused(f"is nested deeper than {deepest} levels")
