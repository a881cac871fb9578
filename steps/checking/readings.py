"""Finds what the document of a step reads, and where, to trace the origin of a value."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from engine import Json
from engine.value import value
from steps.fields.fields_from_data import templates_asked
from steps.language.expression import bare_condition
from steps.language.operations import path_in
from steps.language.syntax.parser import parse
from steps.language.syntax.paths import Path, paths_of
from steps.language.syntax.tokens import Unreadable
from steps.language.template import placeholders
from steps.language.template_places import texts_in, texts_of

OWN = frozenset({"result", "response", "signal", "signals"})
"""The names that an output field may use for its own step's result."""

_PATH = re.compile(r"[\w.\[\]'\"]+")


@value(frozen=True, slots=True)
class Reading:
    """One expression of a document.

    Attributes:
        place: Its path, relative to the step or the edge.
        expression: Its text.
        paths: The data paths that it reads.
    """

    place: str
    expression: str
    paths: tuple[Path, ...]


def readings_of(step: Mapping[str, Any], settings: type[BaseModel] | None) -> list[Reading]:
    """Return what a step reads before its work, without the values of its output fields."""
    if settings is None:
        return []
    texts = texts_of(settings, dict(step), "")
    found = [one for text in texts if text.is_template for one in _readings(text.path, text.text)]
    of_fields = templates_asked(step, of_output=True)
    return found + [one for place, source in of_fields for one in readings_in(source, place)]


def readings_in(source: Json, place: str) -> list[Reading]:
    """Return what a template reads."""
    texts = texts_in(source, place, is_template=True)
    return [one for text in texts for one in _readings(text.path, text.text)]


def reading_of_condition(condition: str, place: str) -> list[Reading]:
    """Return what the condition of an edge reads."""
    return _read(place, bare_condition(condition))


def within(source: Json, keys: tuple[str | int, ...]) -> tuple[Json, tuple[str | int, ...]]:
    """Return the part of a template that produces the value at `keys`, and the unused keys."""
    for at, key in enumerate(keys):
        is_there, part = (False, None) if isinstance(source, str) else path_in(source, (key,))
        if not is_there:
            return source, keys[at:]
        source = part
    return source, ()


def own_paths(reading: Reading) -> Iterator[Path]:
    """Return the paths that an output field reads of its own step's result."""
    return (path for path in reading.paths if path.root in OWN)


def is_path(reading: Reading) -> bool:
    """Return whether an expression is nothing but a path."""
    return len(reading.paths) == 1 and _PATH.fullmatch(reading.expression.strip()) is not None


def _readings(place: str, text: str) -> list[Reading]:
    return [one for expression in placeholders(text) for one in _read(place, expression)]


def _read(place: str, expression: str) -> list[Reading]:
    try:
        paths = tuple(dict.fromkeys(paths_of(parse(expression))))
    except Unreadable:
        return []
    return [Reading(place, expression, paths)]
