"""Where in a document an error of pydantic stands.

Pydantic also names the kind of value that it tried, where a key may have one of several.
"""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

Models = tuple[type[BaseModel], ...]
Location = Sequence[int | str]

LONGEST_PATH = 300
"""The most characters of a path that are reported."""

_KINDS_NAMED = ("literal[", "constrained-", "function-", "list[", "dict[", "nullable[", "lax-or-")
_PLAIN = (bool, int, float, str)


class ErrorPlaces:
    """The places of the errors of one document."""

    def __init__(self, models: Models) -> None:
        """Create it for a document whose top has the keys of `models`."""
        self._models = models
        self._kinds: dict[tuple[int | str, ...], frozenset[str]] = {}

    def keys_of(self, location: Location) -> list[int | str]:
        """Return the keys and indexes of a location, without the kinds that were tried."""
        return [
            part
            for at, part in enumerate(location)
            if not at or isinstance(part, int) or not self._is_kind(part, tuple(location[:at]))
        ]

    def _is_kind(self, part: str, place: tuple[int | str, ...]) -> bool:
        if part.startswith(_KINDS_NAMED):
            return True
        if place not in self._kinds:
            self._kinds[place] = frozenset(_kinds_at(self._models, place))
        return part in self._kinds[place]


def path_text(keys: Location, prefix: str = "") -> str:
    """Return keys and indexes as a path in the document."""
    path = prefix
    for part in keys:
        path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{part}"
    return path[:LONGEST_PATH]


def models_at(models: Models, place: Location) -> Models:
    """Return the models whose keys are allowed at a place below `models`."""
    for part in place:
        if isinstance(part, int):
            continue
        fields = [
            info
            for model in models
            for name, info in model.model_fields.items()
            if part in (name, info.alias)
        ]
        if fields:
            models = tuple(inner for info in fields for inner in _models_in(info.annotation))
    return models


def _kinds_at(models: Models, place: Location) -> Iterator[str]:
    """Return the names of the models and plain types of which a place may have one."""
    yield from (model.__name__ for model in models_at(models, place))
    keys = [part for part in place if isinstance(part, str)]
    for model in models_at(models, keys[:-1]) if keys else ():
        field = model.model_fields.get(keys[-1])
        if field is not None and get_origin(field.annotation) in (Union, UnionType):
            yield from (one.__name__ for one in get_args(field.annotation) if one in _PLAIN)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
