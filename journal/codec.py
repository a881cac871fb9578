"""Events to and from the text in which the journal keeps them.

A body is a JSON object of the event's fields, without its time and without fields that have
their default. An event type or field that is not known is an error, never skipped.
"""

import json
from dataclasses import MISSING, Field, fields
from typing import Any

from engine import (
    EVENT_TYPES,
    CarriedVisit,
    Event,
    Origin,
    Parent,
    RunError,
    Signal,
    StepError,
)

SCHEMA = 1
"""The number of the body format, kept with each event."""

_TYPES = {kind.__name__: kind for kind in EVENT_TYPES}
_NESTED: dict[
    tuple[str, str], type[Signal | StepError | RunError | Parent | Origin | CarriedVisit]
] = {
    ("RunStarted", "parent"): Parent,
    ("RunStarted", "origin"): Origin,
    ("RunStarted", "caught"): StepError,
    ("RunStarted", "carried"): CarriedVisit,
    ("CarriedVisit", "error"): StepError,
    ("AttemptFailed", "error"): StepError,
    ("StepFailed", "error"): StepError,
    ("RunFailed", "error"): RunError,
    ("RunPaused", "signal"): Signal,
}
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(event: Event) -> str:
    """Give the body of an event."""
    return _encoder.encode(_plain(event, skip="at_ms"))


def decode(kind: str, schema: int, at_ms: int, body: str) -> Event:
    """Give the event that a row holds.

    Raises:
        ValueError: The type, the schema or a field is not known, or the body is no JSON.
    """
    if schema != SCHEMA or kind not in _TYPES:
        raise ValueError(f"has type {kind} of schema {schema}, which this version does not know")
    values = json.loads(body)
    try:
        return _TYPES[kind](at_ms=at_ms, **_built(kind, values))
    except TypeError as mismatch:
        raise ValueError(f"does not have the fields of {kind}: {mismatch}") from mismatch


def _built(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Put what is nested in the fields of a body into its own types."""
    for (owner, name), nested in _NESTED.items():
        if owner == kind and name in values:
            item, inner = values[name], nested.__name__
            if isinstance(item, list):
                values[name] = tuple(nested(**_built(inner, one)) for one in item)
            else:
                values[name] = nested(**_built(inner, item))
    return values


def _plain(value: Any, skip: str = "") -> dict[str, Any]:
    plain = {}
    for name, default, is_nested in _SHAPES[type(value)]:
        if name == skip:
            continue
        item = getattr(value, name)
        if default is MISSING or item != default or type(item) is not type(default):
            plain[name] = _nested(item) if is_nested else item
    return plain


def _nested(item: Any) -> Any:
    return [_plain(one) for one in item] if isinstance(item, tuple) else _plain(item)


def _shape(kind: type[Any]) -> tuple[tuple[str, Any, bool], ...]:
    """Give name, default and nestedness of each field of a dataclass."""
    return tuple(
        (field.name, _default(field), (kind.__name__, field.name) in _NESTED)
        for field in fields(kind)
    )


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


_SHAPES = {
    kind: _shape(kind)
    for kind in (*EVENT_TYPES, StepError, RunError, Signal, Parent, Origin, CarriedVisit)
}
