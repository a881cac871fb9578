"""JSON from others, read strictly: no NaN, no infinity, no half of a surrogate pair."""

import json
import math

from engine import Json


def parse_strictly(text: str) -> Json:
    """Give the value of JSON text. Raises `ValueError` that says what is wrong."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as deep:
        raise ValueError("it is nested too deeply") from deep
    return value


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond what a number can hold")
    return number
