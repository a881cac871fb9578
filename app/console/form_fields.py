"""Field specs as fields of a form: which control each gets, and what is said beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.console.rendering import words

_UPLOADS = ("attachment", "fileId")
_LONG = 200
_FORMATS = {"email": "email", "date": "date", "uri": "url", "time": "time"}


@dataclass(frozen=True, slots=True)
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


def form_fields(specs: Mapping[str, Any], upload: str | None = None) -> list[FormField]:
    """Give the controls of some fields, in their order.

    For the field `upload` a file is chosen; any other file is named by its id.
    """
    return [
        _field(name, spec, is_upload=name == upload)
        for name, spec in specs.items()
        if isinstance(spec, dict)
    ]


def start_fields(specs: Mapping[str, Any]) -> list[FormField]:
    """Give the controls of the inputs of a start, which fills in `fileId` itself."""
    files = _files(specs)
    known = [name for name in _UPLOADS if name in files]
    upload = known[0] if known else only_file(specs)
    shown = {name: spec for name, spec in specs.items() if name in (upload, *_without_id(specs))}
    return form_fields(shown, upload)


def only_file(specs: Mapping[str, Any]) -> str | None:
    """Give the field for a file, None where there is none or where there are several."""
    files = _files(specs)
    return files[0] if len(files) == 1 else None


def _files(specs: Mapping[str, Any]) -> list[str]:
    return [n for n, spec in specs.items() if isinstance(spec, dict) and spec.get("type") == "file"]


def _without_id(specs: Mapping[str, Any]) -> list[str]:
    return [name for name in specs if name != "fileId"]


def _field(name: str, spec: Mapping[str, Any], *, is_upload: bool) -> FormField:
    kind = str(spec.get("type", "string"))
    required = bool(spec.get("required", True)) and "default" not in spec
    default = spec.get("default")
    shared: dict[str, Any] = {
        "name": f"data.{name}",
        "label": str(spec.get("title") or words(name)),
        "type": kind,
        "hint": str(spec.get("description") or ""),
        "required": required,
    }
    if is_upload:
        return FormField(**{**shared, "name": "attachment"}, kind="file")
    if isinstance(spec.get("enum"), list):
        options = [_option(item, str(item), item == default) for item in spec["enum"]]
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
        limits["step"] = "1" if kind == "integer" else "any"
        return FormField(**shared, kind="number", limits=limits, value=_text(default))
    if kind in ("object", "array"):
        return FormField(**shared, kind="json", value=_text(default))
    longest = spec.get("maxLength")
    is_long = isinstance(longest, int) and longest > _LONG
    control = _FORMATS.get(str(spec.get("format")), "text")
    limits = {"maxlength": str(longest)} if isinstance(longest, int) else {}
    return FormField(
        **shared, kind="long" if is_long else "text", input=control, value=_text(default),
        limits=limits,
    )  # fmt: skip


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
