"""Converts texts of form fields to their declared types, as strictly as a JSON body is checked.

Browsers send an empty text for a field left blank, `on` for a ticked box, and a repeated field for
several choices. Lists and objects may have one field per value, such as `lines[0].sum`.
"""

import re
from functools import partial

from app.concurrency.offload import LONG_BYTES, offload
from app.wire.forms.form import Form, Texts
from app.wire.forms.rows import RowValues, belongs_to_rows, trees_of
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_text import check_bounds, parse_json
from engine import Json, JsonObject
from steps.contract.step_type import Problem
from steps.fields.fields import Fields
from steps.fields.wrong_values import KINDS, shown
from steps.language.strict_json import exact_integer, finite

_BOOLEANS = {
    "true": True, "1": True, "on": True, "false": False, "0": False, "off": False,
}  # fmt: skip
_NUMBER = re.compile(r"-?(?:[0-9]+(\.[0-9]+)?|(\.[0-9]+))([eE][+-]?[0-9]+)?", re.ASCII)


async def form_values(fields: Fields, form: Form) -> tuple[JsonObject, list[Problem]]:
    """Return the values of a form's texts, and problems for those that cannot be read.

    A text for an undeclared field stays a text. A blank optional field is left out, and so is a
    blank file field. One that began with a value comes back blank because somebody has emptied it:
    it is null, since what is left out would get its default.
    """
    work = partial(values_of, fields, form.texts)
    return work() if form.length < LONG_BYTES else await offload(work)


def values_of(fields: Fields, texts: Texts) -> tuple[JsonObject, list[Problem]]:
    """Return the values of texts by field, as `form_values` does."""
    data: JsonObject = {}
    trees = trees_of(texts, fields.specs)
    made = RowValues(_single)
    for name, tree in trees.items():
        is_there, value = made.value(fields.specs[name], tree, f"data.{name}")
        if is_there:
            data[name] = value
    problems = made.problems
    for name, given in texts.items():
        if belongs_to_rows(name, trees):
            continue
        spec = fields.specs.get(name, {})
        kind = str(spec.get("type", "string"))
        try:
            if not (_is_blank(given, kind) and (_is_optional(spec) or kind == "file")):
                data[name] = _value(given, kind, spec)
            elif kind != "file" and fields.may_be_null(name) and spec.get("default") is not None:
                data[name] = None
        except ValueError as wrong:
            problems.append(Problem(f"data.{name}", str(wrong)))
    try:
        check_bounds({"data": data}, "the form")
    except BadRequest as wrong:
        problems.append(Problem("data", str(wrong)))
    return data, problems


def _is_blank(given: str | list[str], kind: str) -> bool:
    return isinstance(given, str) and not (given if kind == "string" else given.strip())


def _is_optional(spec: JsonObject) -> bool:
    return bool(spec) and (not spec.get("required", True) or "default" in spec)


def _value(given: str | list[str], kind: str, spec: JsonObject) -> Json:
    """Return the value of a field. Raises `ValueError` with the reason if it has none."""
    if kind == "array" and (isinstance(given, list) or _is_one_choice(given)):
        items = spec.get("items")
        item_kind = str(items.get("type", "string")) if isinstance(items, dict) else "string"
        return [_single(text, item_kind) for text in ([given] if isinstance(given, str) else given)]
    if isinstance(given, str):
        return _single(given, kind)
    raise ValueError("the field is there twice")


def _is_one_choice(text: str) -> bool:
    """Return whether the text of an array field is one item rather than the array as JSON."""
    return bool(text.strip()) and not text.lstrip().startswith(("[", "{"))


def _single(text: str, kind: str) -> Json:
    if kind in ("string", "file"):
        return text
    trimmed = text.strip()
    if kind == "boolean" and trimmed.lower() in _BOOLEANS:
        return _BOOLEANS[trimmed.lower()]
    if kind == "integer" and "." in trimmed:
        # `1.000` is one to some people and a thousand to others.
        raise ValueError(f"must be a whole number without a point, not {shown(text)}")
    if kind in ("number", "integer") and _NUMBER.fullmatch(trimmed):
        return _number(trimmed)
    if kind in ("object", "array") and trimmed:
        value = _parsed(trimmed)
        if isinstance(value, dict if kind == "object" else list):
            return value
    raise ValueError(f"must be {KINDS[kind]}, not {shown(text)}")


def _number(text: str) -> Json:
    """Return a number as HTML number fields write it, including `.5` and leading zeros."""
    return exact_integer(text) if text.lstrip("-").isdigit() else finite(text)


def _parsed(text: str) -> Json:
    try:
        return parse_json(text.encode(), "the value")
    except BadRequest as wrong:
        raise ValueError(str(wrong)) from wrong
