"""Reads parts of an answer in whatever form an endpoint sends them.

An answer has been paid for once it arrives. So what is needed is read wherever it can be found, and
everything else is ignored.
"""

import json
from collections.abc import Collection
from typing import Any

from engine import JsonObject
from steps.contract.step_type import StepBroke
from steps.language.strict_json import must_fit

_TEXT_PARTS = (None, "text", "output_text")
_LONGEST_COUNT = 10**12


def as_object(value: object) -> dict[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return a text, also one in several parts; thoughts and images are left out."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return whole_characters("".join(_text_of_part(part) for part in value))
    if isinstance(value, dict) and value:
        is_part = "type" in value or "text" in value
        return whole_characters(_text_of_part(value) if is_part else json.dumps(value))
    return ""


def as_word(value: object) -> str:
    """Return an identifier, also if it is a number; empty if there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return whole_characters(value) if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """Return a whole number that is not negative, also from a string; None for anything else."""
    try:
        count = int(value)  # type: ignore[call-overload] # anything but a number is refused
    except (TypeError, ValueError, OverflowError):
        return None
    is_count = not isinstance(value, bool) and 0 <= count <= _LONGEST_COUNT
    return count if is_count else None


def arguments_of(value: object) -> str:
    """Return the arguments of a call as text, also if they came as an object."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def rest_of(value: dict[str, Any], known: Collection[str]) -> JsonObject:
    """Return a provider's own additions."""
    return {
        name: item
        for name, item in value.items()
        if name not in known and item is not None and item not in ("", [], {})
    }


def journalable(extra: JsonObject) -> JsonObject:
    """Return a provider's additions, with split surrogate pairs joined.

    Return nothing if they could not be journaled, which must not cost the answer.
    """
    try:
        found: JsonObject = json.loads(json.dumps(extra))
        must_fit("what the provider added is", found, "InvalidResponse")
    except (StepBroke, RecursionError):
        return {}
    return found


def whole_characters(text: str) -> str:
    """Return a text in which surrogate pairs that streams have split are joined."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text_of_part(part: object) -> str:
    if isinstance(part, str):
        return part
    said = as_object(part)
    if said.get("type") not in _TEXT_PARTS:
        return ""
    text = said.get("text")
    inner = text.get("value") if isinstance(text, dict) else text
    return inner if isinstance(inner, str) else ""
