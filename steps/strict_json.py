"""JSON from others, read strictly: no NaN, no infinity, no half of a surrogate pair, no abyss."""

import json
import math

from engine import Json

DEEPEST = 64
"""How many levels of nesting a value from others may have."""

_TOO_DEEP = f"it is nested deeper than {DEEPEST} levels"


def parse_strictly(text: str) -> Json:
    """Give the value of JSON text. Raises `ValueError` that says what is wrong."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as deep:
        raise ValueError(_TOO_DEEP) from deep
    _measure(value)
    return value


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
