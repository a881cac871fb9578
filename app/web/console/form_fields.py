"""Field specs as fields of a form: which control each gets, and what is said beside it."""

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from app.web.console.rendering import words
from app.wire.form import FIELD
from engine.value import value

_LONG = 200
_FORMATS = {"email": "email", "date": "date", "uri": "url", "time": "time"}


@value(frozen=True, slots=True)
class FormField:
    """One control.

    Attributes:
        name: Where its value goes, such as `data.amount`.
        kind: `text`, `number`, `choice`, `json`, `long` or `file`.
        type: The declared type, by which the value is converted.
        limits: Attributes of the control, such as `min`.
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


def form_fields(specs: Mapping[str, Any]) -> list[FormField]:
    """Return the controls of some fields, in their order."""
    return [
        _field(name, spec, f"data.{name}") for name, spec in specs.items() if isinstance(spec, dict)
    ]


def start_fields(specs: Mapping[str, Any]) -> list[FormField]:
    """Return the controls of the inputs of a start.

    One file goes as the attachment, of which the server makes `fileId` too.
    """
    files = [
        n for n, spec in specs.items() if isinstance(spec, dict) and spec.get("type") == "file"
    ]
    known = [name for name in (FIELD, "fileId") if name in files]
    upload = known[0] if known else files[0] if len(files) == 1 else None
    return [
        _field(name, spec, FIELD if name == upload else f"data.{name}")
        for name, spec in specs.items()
        if isinstance(spec, dict) and (name != "fileId" or name == upload)
    ]


def _field(name: str, spec: Mapping[str, Any], sent_as: str) -> FormField:
    kind = str(spec.get("type", "string"))
    required = bool(spec.get("required", True)) and "default" not in spec
    default = spec.get("default")
    shared: dict[str, Any] = {
        "name": sent_as,
        "label": str(spec.get("title") or words(name)),
        "type": kind,
        "hint": str(spec.get("description") or ""),
        "required": required,
    }
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


def _labelled(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the choices of a field whose labels are others than their values."""
    given = spec.get("choices")
    choices = given if isinstance(given, list) else []
    return [one for one in choices if isinstance(one, dict) and "value" in one]


def _example(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return what an empty control shows."""
    examples = spec.get("examples")
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
