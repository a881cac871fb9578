"""Turns field specs into fields of a form: the control of each, and the text beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from app.web.console.rendering import words
from app.wire.forms.form import FIELD, Texts
from app.wire.forms.rows import is_rows, row_indexes
from engine.value import value

_LONG = 200
_MOST_CONTROLS = 800
_MOST_SHOWN = 2_000
_FORMATS = {"email": "email", "date": "date", "uri": "url", "time": "time"}
_EXAMPLES = {"date-time": ["2026-01-31T12:00:00Z"]}
"""How to write what browsers have no control for: theirs knows no time zone."""


@value(frozen=True, slots=True)
class _Place:
    """Where a field stands: in a form that was sent or not, and how deep in lists."""

    given: Texts | None = None
    depth: int = 0
    is_inside: bool = False
    is_optional: bool = False


@value(frozen=True, slots=True)
class FormField:
    """One control.

    Attributes:
        name: Where its value goes, such as `data.amount`.
        kind: `text`, `number`, `choice`, `json`, `long`, `file`, `group` or `rows`.
        type: The declared type, by which the value is converted.
        limits: Attributes of the control, such as `min`.
        parts: The fields of a group, or the rows that there are.
        row: One more row, blank; `[#0]` stands for its index, `[#1]` in rows of rows.
        depth: In how many lists it stands.
        is_inside: Whether it is part of a list or an object.
    """

    name: str
    label: str
    kind: str
    type: str
    hint: str = ""
    required: bool = True
    value: str = ""
    input: str = "text"
    options: list[dict[str, str]] = field(default_factory=list)
    limits: dict[str, str] = field(default_factory=dict)
    parts: "list[FormField]" = field(default_factory=list)
    row: "FormField | None" = None
    depth: int = 0
    is_inside: bool = False


def form_fields(
    specs: Mapping[str, Any], given: Texts | None = None, prefix: str = "data"
) -> list[FormField]:
    """Return the controls of some fields, in their order.

    Args:
        specs: Their specs by name.
        given: The texts of a form that was sent, which says how many rows there are.
        prefix: What their names begin with.
    """
    return [
        _field(name, spec, f"{prefix}.{name}", _Place(given))
        for name, spec in specs.items()
        if isinstance(spec, dict)
    ]


def names_of(fields: Sequence[FormField]) -> set[str]:
    """Return the names of fields, and of the fields inside them."""
    return {field.name for field in fields}.union(*(names_of(field.parts) for field in fields))


def start_fields(specs: Mapping[str, Any], given: Texts | None = None) -> list[FormField]:
    """Return the controls of the inputs of a start.

    One file goes as the attachment, of which the server makes `fileId` too.
    """
    files = [
        n for n, spec in specs.items() if isinstance(spec, dict) and spec.get("type") == "file"
    ]
    known = [name for name in (FIELD, "fileId") if name in files]
    upload = known[0] if known else files[0] if len(files) == 1 else None
    return [
        _field(name, spec, FIELD if name == upload else f"data.{name}", _Place(given))
        for name, spec in specs.items()
        if isinstance(spec, dict) and (name != "fileId" or name == upload)
    ]


def _field(name: str, spec: Mapping[str, Any], sent_as: str, place: _Place) -> FormField:
    kind = str(spec.get("type", "string"))
    default = spec.get("default")
    # A field that begins with a value keeps one: what is left out would get that value unseen.
    is_open = "default" in spec and (kind == "file" or not _text(default))
    required = bool(spec.get("required", True)) and not is_open and not place.is_optional
    shared: dict[str, Any] = {
        "name": sent_as,
        "label": str(spec.get("title") or words(name)),
        "type": kind,
        "hint": str(spec.get("description") or ""),
        "required": required,
        "depth": place.depth,
        "is_inside": place.is_inside,
    }
    if kind in ("object", "array") and is_rows(spec) and not _is_long(default, spec):
        return _parts(name, spec, place, shared)
    if kind == "file" and place.is_inside:
        return FormField(**{**shared, "type": "string"}, kind="text", value=_text(default))
    if kind == "file":
        return FormField(**shared, kind="file")
    if isinstance(spec.get("enum"), list):
        named = {_text(one["value"]): one.get("label") for one in _labelled(spec)}
        options = [
            _option(item, str(named.get(_text(item)) or item), item == default)
            for item in spec["enum"]
        ]
        is_text = all(isinstance(item, str) for item in spec["enum"])
        return FormField(
            **{**shared, "type": "string" if is_text else "json"}, kind="choice", options=options
        )
    if kind == "boolean":
        options = [
            _option(truth, label, truth == default)
            for truth, label in ((True, "Yes"), (False, "No"))
        ]
        return FormField(**shared, kind="choice", options=options)
    if kind in ("number", "integer"):
        limits = {
            attribute: str(spec[word])
            for attribute, word in (("min", "minimum"), ("max", "maximum"))
            if isinstance(spec.get(word), int | float)
        }
        limits |= _example(spec)
        limits["step"] = "1" if kind == "integer" else "any"
        return FormField(**shared, kind="number", limits=limits, value=_text(default))
    if kind in ("object", "array"):
        return FormField(**shared, kind="json", value=_text(default))
    longest = spec.get("maxLength")
    is_long = isinstance(longest, int) and longest > _LONG
    control = _FORMATS.get(str(spec.get("format")), "text")
    limits = {"maxlength": str(longest)} if isinstance(longest, int) else {}
    limits |= _example(spec)
    return FormField(
        **shared, kind="long" if is_long else "text", input=control, value=_text(default),
        limits=limits,
    )  # fmt: skip


def _is_long(default: Any, spec: Mapping[str, Any]) -> bool:
    """Return whether a list has too many initial rows for one form."""
    return isinstance(default, list) and len(default) * _size(spec["items"]) > _MOST_CONTROLS


def _size(spec: Mapping[str, Any]) -> int:
    """Return how many controls a value has, each list in it counted as one row."""
    inner = spec.get("properties") if spec["type"] == "object" else None
    nested = (
        inner.values() if isinstance(inner, dict) else [spec["items"]] if "items" in spec else []
    )
    return 1 + sum(_size(item) for item in nested if isinstance(item, dict) and "type" in item)


def _parts(
    name: str, spec: Mapping[str, Any], place: _Place, shared: Mapping[str, Any]
) -> FormField:
    """Return the field of a list with its rows, or that of an object with its fields."""
    sent_as, default = str(shared["name"]), spec.get("default")
    if spec["type"] == "object":
        known = default if isinstance(default, dict) else {}
        inner = replace(place, is_inside=True, is_optional=not shared["required"])
        parts = [
            _field(key, _with(part, known.get(key)), f"{sent_as}.{key}", inner)
            for key, part in spec["properties"].items()
        ]
        return FormField(**shared, kind="group", parts=parts)
    there = default if isinstance(default, list) else []
    least = spec.get("minItems")
    count = max(
        len(there),
        min(least, _MOST_CONTROLS // _size(spec["items"])) if isinstance(least, int) else 0,
    )
    indexes = list(range(count)) if place.given is None else row_indexes(place.given, sent_as)
    indexes = indexes[: max(1, _MOST_SHOWN // _size(spec["items"]))]
    below = replace(place, depth=place.depth + 1, is_inside=True, is_optional=False)
    items = {"title": "", **spec["items"]}

    def row(index: int | str, value: Any = None) -> FormField:
        made = _field(name, _with(items, value), f"{sent_as}[{index}]", below)
        titled = f"{index + 1}" if isinstance(index, int) else f"[#{place.depth}]"
        return replace(made, label=made.label if items["title"] else titled)

    rows = [row(at, there[at] if at < len(there) else None) for at in indexes]
    return FormField(**shared, kind="rows", parts=rows, row=row(f"#{place.depth}"))


def _with(spec: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Return a spec whose control has an initial value."""
    return spec if value is None else {**spec, "default": value}


def _labelled(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the choices of a field whose labels differ from their values."""
    given = spec.get("choices")
    choices = given if isinstance(given, list) else []
    return [one for one in choices if isinstance(one, dict) and "value" in one]


def _example(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the placeholder of an empty control."""
    examples = spec.get("examples") or _EXAMPLES.get(str(spec.get("format")))
    return {"placeholder": _text(examples[0])} if isinstance(examples, list) and examples else {}


def _option(value: Any, label: str, is_default: bool) -> dict[str, Any]:
    text = value if isinstance(value, str) else _text(value)
    return {"value": text, "label": label, "selected": is_default}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
