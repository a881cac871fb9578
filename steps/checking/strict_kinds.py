"""Requires real numbers and booleans in a saved definition: `"2"` and `"no"` are refused.

Definitions that were stored earlier are still read loosely, so that their runs continue.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from steps.contract.step_type import Problem
from steps.document.error_places import ErrorPlaces, path_text

_WANTED = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
}


def loose_kinds(model: type[BaseModel], given: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Find texts and booleans where numbers or booleans are required."""
    try:
        model.model_validate(given, strict=True)
    except ValidationError as invalid:
        places = ErrorPlaces((model,))
        for item in invalid.errors(include_url=False):
            value = item["input"]
            if item["type"] in _WANTED and isinstance(value, str | bool):
                quoted = ", without quotes" if isinstance(value, str) else ""
                message = f"{_WANTED[item['type']]}{quoted}"
                yield Problem(path_text(places.keys_of(item["loc"]), path), message)
