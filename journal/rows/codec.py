"""Converts events to and from the text in which the journal stores them.

A body is a JSON object of the event's fields, without its time, without fields that have their
default, and without a visit or an attempt that is the first. An unknown event type or field is an
error and never skipped.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, get_args

from pydantic_core import from_json, to_json

from engine import EVENT_TYPES, Event, StepCompleted, StepStarted

SCHEMA = 1
"""The number of the body format, stored with each event."""

_TYPES = {kind.__name__: kind for kind in EVENT_TYPES}
_ON_DISK = {"RunPaused": {"pause": "signal"}}
"""Fields that have a different name in the journal."""

_BESIDE = frozenset({"at_ms", "inherited"})
"""Fields that bodies do not have: the time has a column; inherited data is in another run."""

_FIRST = {"visit": 1, "attempt": 1}
_decoder = json.JSONDecoder()
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(event: Event) -> str:
    """Return the body of an event. Raises `ValueError` if a value is not JSON."""
    if type(event) is StepStarted:
        return _start(event.step_id, event.visit, event.attempt, event.step_type, event.step_name)
    if type(event) is StepCompleted and not (event.appended or event.removed):
        plain: dict[str, Any] = {"step_id": event.step_id}
        if event.visit != 1:
            plain["visit"] = event.visit
        plain["output"] = event.output
        plain["data"] = event.data
        plain["next_step"] = event.next_step
        try:
            body = to_json(plain, inf_nan_mode="constants").decode()
        except ValueError:
            return text_of(plain)
        return text_of(plain) if "NaN" in body or "Infinity" in body else body
    return text_of(stored_fields(event))


@lru_cache(maxsize=2_048)
def _start(step_id: str, visit: int, attempt: int, step_type: str, step_name: str | None) -> str:
    """Return the body of the start of an attempt, which is the same for many runs of a workflow."""
    return text_of(stored_fields(StepStarted(0, step_id, visit, attempt, step_type, step_name)))


def text_of(plain: dict[str, Any]) -> str:
    """Return values as JSON. Raises `ValueError` if one is not JSON."""
    try:
        # Five times as fast as the standard library, but it accepts numbers that are not JSON and
        # refuses deep nesting.
        body = to_json(plain, inf_nan_mode="constants").decode()
    except ValueError:
        body = ""
    if not body or "NaN" in body or "Infinity" in body:
        return _encoder.encode(plain)
    return body


def decode(kind: str, schema: int, at_ms: int, body: str) -> Event:
    """Return the event that a row holds.

    Raises:
        ValueError: The type, the schema or a field is not known, or the body is not JSON.
    """
    if schema != SCHEMA:
        raise ValueError(f"has type {kind} of schema {schema}, which this version does not know")
    return decode_values(kind, at_ms, parsed(body))


def parsed(body: str) -> Any:
    """Return the JSON value of a body. Raises `ValueError`."""
    try:
        return from_json(body)  # in half of the time
    except ValueError:  # perhaps only too deep for it
        values, end = _decoder.raw_decode(body)
    if end != len(body):
        raise ValueError("has more than one JSON value")
    return values


def decode_values(kind: str, at_ms: int, values: Any) -> Event:
    """Return the event of this type with these values. Raises `ValueError` as `decode`.

    The two most frequent types are made directly, if they have no other fields.
    """
    event = _TYPES.get(kind)
    if event is None:
        raise ValueError(f"has type {kind}, which this version does not know")
    try:
        if event is StepCompleted and len(values) == 4 + ("visit" in values):
            return StepCompleted(
                at_ms, values["step_id"], values.get("visit", 1), values["output"], values["data"],
                values["next_step"],
            )  # fmt: skip
        if event is StepStarted and len(values) == 2 + ("visit" in values) + (
            "step_name" in values
        ):
            return StepStarted(
                at_ms, values["step_id"], values.get("visit", 1), 1, values["step_type"],
                values.get("step_name"),
            )  # fmt: skip
        if kind in _FLAT:
            return event(at_ms=at_ms, **{**_ASSUMED[kind], **values})
        return event(at_ms=at_ms, **built(kind, values))
    except (AttributeError, KeyError, TypeError) as mismatch:
        raise ValueError(f"does not have the fields of {kind}: {mismatch}") from mismatch


def built(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a value of this type, with nested values in their own types."""
    if kind in _FLAT:
        return {**_ASSUMED[kind], **values}
    values = {**values}
    for name, kept in _ON_DISK.get(kind, {}).items():
        if kept in values:
            values[name] = values.pop(kept)
    for name, nested in _NESTED[kind].items():
        if name in values:
            item, inner = values[name], nested.__name__
            if isinstance(item, list):
                values[name] = tuple(nested(**built(inner, one)) for one in item)
            else:
                values[name] = nested(**built(inner, item))
    return {**_ASSUMED[kind], **values}


def stored_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a value that are stored, without those that have their default."""
    fields_of, shape = _SHAPES[type(value)]
    plain = {}
    for item, (kept, default, is_nested) in zip(fields_of(value), shape, strict=True):
        if item is default:  # true for nearly every field that may be left out
            continue
        if default is MISSING or item != default or type(item) is not type(default):
            plain[kept] = _nested(item) if is_nested else item
    return plain


def _nested(item: Any) -> Any:
    return [stored_fields(one) for one in item] if isinstance(item, tuple) else stored_fields(item)


def _shape(kind: type[Any]) -> tuple[Callable[[Any], Any], tuple[tuple[str, Any, bool], ...]]:
    """Return a getter for all fields of a dataclass at once, and a description of each field.

    The description is its name on disk, its default and whether it is nested.
    """
    on_disk, nested = _ON_DISK.get(kind.__name__, {}), _NESTED[kind.__name__]
    kept = [field for field in fields(kind) if field.name not in _BESIDE]
    return _getter([field.name for field in kept]), tuple(
        (on_disk.get(field.name, field.name), _default(field), field.name in nested)
        for field in kept
    )


def _getter(names: Sequence[str]) -> Callable[[Any], Any]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _default(field: Field[Any]) -> Any:
    if field.name in _FIRST:
        return _FIRST[field.name]
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def nested_in(kind: type[Any]) -> dict[str, type[Any]]:
    """Return those fields of a dataclass that are dataclasses too, or lists of them."""
    found = {}
    for field in fields(kind):
        for named in (field.type, *get_args(field.type)):
            if isinstance(named, type) and is_dataclass(named):
                found[field.name] = named
    return found


def _with_nested(kinds: Iterable[type[Any]]) -> Iterator[type[Any]]:
    for kind in kinds:
        yield kind
        yield from _with_nested(nested_in(kind).values())


_KEPT = tuple(dict.fromkeys(_with_nested(EVENT_TYPES)))
_NESTED = {kind.__name__: nested_in(kind) for kind in _KEPT}
_FLAT = frozenset(kind for kind, nested in _NESTED.items() if not nested and kind not in _ON_DISK)
"""Types without nested fields, in which every field keeps its name."""

_SHAPES = {kind: _shape(kind) for kind in _KEPT}
_ASSUMED = {
    kind.__name__: {one.name: _FIRST[one.name] for one in fields(kind) if one.name in _FIRST}
    for kind in _KEPT
}
