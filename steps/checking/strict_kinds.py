"""Requires values of the right kind in a saved definition, such as a number and not `"2"`.

Definitions that were stored earlier are still read loosely, so that their runs continue.
"""

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from pydantic import BaseModel, ValidationError

from steps.contract.step_type import Problem
from steps.document.error_places import ErrorPlaces, path_text
from steps.language.operations import kind_of

_NAMES: dict[str, tuple[tuple[type, ...], str]] = {
    "workflowId": ((str, NoneType), "a text"),
    "key": ((str, int, float), "a text or a number"),
}
"""The kinds of constants with which a step that finds something by a name can work."""

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


def unfit_names(given: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Find names that are constants of a kind with which the step would always fail."""
    for key, (kinds, wanted) in _NAMES.items():
        name = given.get(key, "")
        if isinstance(name, bool) or not isinstance(name, kinds):
            yield Problem(f"{path}.{key}", f"must be {wanted}, not {kind_of(name)}")
