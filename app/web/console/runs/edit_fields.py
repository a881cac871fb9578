"""The data of a run as a form: declared fields have their controls, the rest is JSON."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.secrets.mask import MASK
from app.web.console.questions.form_fields import FormField, form_fields
from app.wire.forms.form import FIELD
from app.wire.forms.values import values_of
from engine import Json, JsonObject
from engine.value import value
from steps.document.compiled import CompiledStep, Definition
from steps.fields.fields import Fields

_LONGEST = 20_000
_SHAPES = {
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "time": re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?"),
}
"""What the controls of browsers can show; they leave anything else blank."""
_NOT_COMPARED = ("value", "required", "default")


@value(frozen=True, slots=True)
class EditForm:
    """Data as a form.

    Attributes:
        fields: The controls of declared fields, with what they have now.
        others: What has no control.
        files: The names of the files that file fields have now, by the name of the control.
    """

    fields: Sequence[FormField]
    others: JsonObject
    files: Mapping[str, str]


def data_form(definition: Definition, data: JsonObject, *, fills_in: bool = False) -> EditForm:
    """Return the form for the data of a run.

    Args:
        definition: The definition whose inputs and outputs declare the fields.
        data: The data as people may see it.
        fills_in: Whether the run gets the defaults of inputs that it does not have, and needs
            those that are required.
    """
    kept = {
        name: item
        for name, item in data.items()
        if name not in definition.sensitive and item != MASK
    }
    hidden = definition.sensitive | (data.keys() - kept.keys())
    specs: dict[str, JsonObject] = {}
    for name, spec in definition.input_fields().items():
        is_there = kept.get(name) is not None
        is_kept = is_there or fills_in
        is_needed = bool(spec.get("required", True)) and name in definition.payload.specs
        bare = {key: item for key, item in spec.items() if is_kept or key != "default"}
        specs[name] = {**bare, "required": is_needed and is_kept}
    for name, spec in _outputs(definition):
        if name in kept and name not in specs:
            specs[name] = {**spec, "required": False}
    if FIELD in kept:  # the server adds both for one file
        specs.pop("fileId", None)
        specs.setdefault(FIELD, {"type": "file", "required": False})
    specs = {name: spec for name, spec in specs.items() if name not in hidden}
    others = {
        name: item
        for name, item in kept.items()
        if name not in specs and not (name == "fileId" and FIELD in kept)
    }
    return _form(specs, kept, others, "data")


def output_form(step: CompiledStep) -> EditForm:
    """Return the form for an output that is given in the step's place."""
    specs = {
        name: {**spec, "required": bool(spec.get("required", True)) and name not in step.values}
        for name, spec in step.output.specs.items()
    }
    return _form(specs, {}, {}, "output")


def _outputs(definition: Definition) -> Iterator[tuple[str, JsonObject]]:
    """Yield the declared outputs of steps, without names that several steps declare differently."""
    found: dict[str, JsonObject] = {}
    differ: set[str] = set()
    for step in definition.steps.values():
        for name, spec in step.output.specs.items():
            bare = {key: item for key, item in spec.items() if key not in _NOT_COMPARED}
            if found.setdefault(name, bare) != bare:
                differ.add(name)
    return ((name, spec) for name, spec in found.items() if name not in differ)


def _form(
    specs: Mapping[str, JsonObject], known: JsonObject, others: JsonObject, prefix: str
) -> EditForm:
    """Return a form; what its controls could not give back as it is goes to the others."""
    fields: list[FormField] = []
    files: dict[str, str] = {}
    left = dict(others)
    for name, spec in specs.items():
        current = known.get(name)
        filled = spec if current is None or spec["type"] == "file" else {**spec, "default": current}
        field = form_fields({name: filled}, prefix=prefix)[0]
        if spec["type"] == "file":
            if current is not None:
                files[field.name] = _file_name(current)
            fields.append(replace(field, required=field.required and current is None))
        elif current is None or _gives_back(name, filled, current, field, prefix):
            is_long = field.kind == "text" and "\n" in field.value
            fields.append(replace(field, kind="long") if is_long else field)
        else:
            left[name] = current
    return EditForm(fields, left, files)


def _gives_back(name: str, spec: JsonObject, current: Json, field: FormField, prefix: str) -> bool:
    if len(json.dumps(current, ensure_ascii=False)) > _LONGEST:
        return False
    texts = dict(_texts(field))
    if any(one.input in _SHAPES and not _SHAPES[one.input].fullmatch(one.value)
           for one in _controls(field) if one.value):  # fmt: skip
        return False
    asked = {"required": spec["required"], **{k: v for k, v in spec.items() if k != "default"}}
    named = {key.removeprefix(f"{prefix}."): text for key, text in texts.items()}
    values, problems = values_of(Fields({name: asked}), named)
    return not problems and name in values and _same(values[name], current)


def _same(one: Json, other: Json) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _controls(field: FormField) -> Iterator[FormField]:
    yield field
    for part in field.parts:
        yield from _controls(part)


def _texts(field: FormField) -> Iterator[tuple[str, str]]:
    """Yield what a browser would send of a field that nobody has touched."""
    for one in _controls(field):
        if one.kind in ("group", "rows"):
            if one.required:
                yield one.name, "[]" if one.kind == "rows" else "{}"
        elif one.kind == "choice":
            yield one.name, next((o["value"] for o in one.options if o["selected"]), "")
        else:
            yield one.name, one.value


def _file_name(current: Any) -> str:
    return str(current.get("fileName") or "") if isinstance(current, dict) else "a file"
