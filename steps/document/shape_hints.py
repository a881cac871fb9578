"""Shows, for a value of the wrong kind, an example of the right kind with that value in it."""

import json
from typing import Any

from pydantic import BaseModel

from engine import Json

_LONGEST = 60
_BY_KEY = {
    "steps": {"must be a list": ' such as [{"id": "first", "type": "set"}]'},
    "edges": {"must be a list": ' such as [{"from": "first", "to": "second"}]'},
    "branches": {"must be an object": ' such as {"first": {"steps": [...]}}'},
}
_CURSOR = "must be a position as an earlier answer gave it"
_PATTERNS = {
    r"^[^\x00]*$": "cannot have a NUL character",
    r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$": "may have letters, digits, `_`, `.`, `:` and `-`, 128 "
    "at most, and must begin with a letter or digit",
    r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$": "may have letters, digits, `_`, `.`, `:` and `-`, 100 "
    "at most, and must begin with a letter or digit",
    r"^[A-Za-z0-9_.-]{1,64}:.": "must be the name of a label, `:` and its value, such as "
    "customer:ACME",
    r"^[a-z_][a-z0-9_]{0,47}$": "may have small letters, digits and `_`, 48 at most, and must not "
    "begin with a digit",
    r"^[A-Za-z0-9_.-]{1,64}$": "may have letters, digits, `_`, `.` and `-`, 64 at most",
    r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$": "may have letters, digits, `_`, `.` and `-`, 64 at "
    "most, and must not begin with a dot",
    r"^[A-Za-z0-9._-]{1,100}$": "may have letters, digits, `_`, `.` and `-`, 100 at most",
    r"^[^/\\\x00-\x1f\x7f]+$": "must be the name of a file, without a path",
    r"^[\x20-\x7e]+$": "must be a media type, such as text/plain",
    r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$": "must be the name of a header, such as X-Signature",
    r"^([1-5]([0-9]{2}|xx)|[A-Za-z][A-Za-z0-9_.-]{0,99}(:[1-5]([0-9]{2}|xx))?)$": "must be a type "
    "of error (Timeout), a status (503 or 5xx), or both (HttpStatus:5xx)",
    r"^[0-9]{1,15}\.[0-9]{1,18}$": _CURSOR,
    r"^([0-9]{1,15})?\.[0-9]{1,15}\.[0-9]{1,18}$": _CURSOR,
    r"^[0-9]{1,18}$": _CURSOR,
    r"^[0-9]{1,9}$": _CURSOR,
    r"^[0-9]{1,18}-[0-9]{1,9}$": "must be the `pauseId` of a question",
}
_CALLED: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


def shape_hint(message: str, key: str, given: Any, models: list[type[BaseModel]]) -> str:
    """Return the continuation of a message about a value of the wrong kind.

    Args:
        message: The message, such as `must be a list`.
        key: The key of the value.
        given: The value.
        models: The models of the objects that are allowed there.
    """
    if message in _BY_KEY.get(key, {}):
        return _BY_KEY[key][message]
    if message == "must be a list":
        if isinstance(given, dict):
            such = f" such as {_shown([_example(models[0], None)])}" if models else ""
            return f"{such}, not an object"
        if isinstance(given, bool | int | float | str):
            inner = _example(models[0], given) if models else given
            return f" such as {_shown([inner])}"
    if message == "must be an object":
        if models:
            return f" such as {_shown(_example(models[0], given))}"
        return f", not {called(given)}" if given is not None else ""
    if message == "must be a text" and isinstance(given, bool | int | float):
        return f": write {_shown(_as_text(given))}, in quotes"
    return ""


def pattern_words(pattern: str) -> str:
    """Return in words what a pattern allows; empty if no description is known."""
    return _PATTERNS.get(pattern, "")


def called(value: Json) -> str:
    """Return the kind of a value in words."""
    return next((word for kind, word in _CALLED if isinstance(value, kind)), "null")


def _example(model: type[BaseModel], given: Any) -> dict[str, Json]:
    """Return an object of a model with its required keys, using a given plain value for one."""
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    if "steps" in fields:
        return {"steps": ["..."]}
    needed = [name for name, info in fields.items() if info.is_required()] or [*fields][:1]
    example: dict[str, Json] = {
        name: ["..."] if "list[" in str(fields[name].annotation) else "..." for name in needed
    }
    if len(needed) == 1 and isinstance(given, bool | int | float | str):
        is_text = fields[needed[0]].annotation in (str, str | None)
        example[needed[0]] = _as_text(given) if is_text else given
    return example


def _as_text(given: bool | float | str) -> str:
    return given if isinstance(given, str) else json.dumps(given)


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
