"""Parts of an answer, read whatever shape an endpoint gives them.

An answer has been paid for once it is here. What is needed of it is taken where it can be
found, and all else is left alone.
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
    """Return an object, an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return a text, also one that comes in parts; thoughts and pictures are no text."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return whole_characters("".join(_text_of_part(part) for part in value))
    if isinstance(value, dict) and value:
        is_part = "type" in value or "text" in value
        return whole_characters(_text_of_part(value) if is_part else json.dumps(value))
    return ""


def as_word(value: object) -> str:
    """Return an identifier, also one that is a number; empty when there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return whole_characters(value) if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """Return a whole number that is not negative, also from a text; None when it is none."""
    try:
        count = int(value)  # type: ignore[call-overload] # what is no number is refused
    except (TypeError, ValueError, OverflowError):
        return None
    is_count = not isinstance(value, bool) and 0 <= count <= _LONGEST_COUNT
    return count if is_count else None


def arguments_of(value: object) -> str:
    """Return the arguments of a call as text, also those that come as an object."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def rest_of(value: dict[str, Any], known: Collection[str]) -> JsonObject:
    """Return what a provider adds of its own."""
    return {
        name: item
        for name, item in value.items()
        if name not in known and item is not None and item not in ("", [], {})
    }


def journalable(extra: JsonObject) -> JsonObject:
    """Return what a provider added, halves of characters joined.

    It is nothing when it could not be journaled, which must not cost the answer.
    """
    try:
        found: JsonObject = json.loads(json.dumps(extra))
        must_fit("what the provider added is", found, "InvalidResponse")
    except (StepBroke, RecursionError):
        return {}
    return found


def whole_characters(text: str) -> str:
    """Return a text whose halves of characters, as streams cut them, are put together."""
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
