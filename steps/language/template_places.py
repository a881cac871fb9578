"""Finds the texts of a step: in templates, which are evaluated, or in plain settings."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from engine.value import value
from steps.language.expression import bare_condition
from steps.language.template import Template

APART = "stands apart"
"""Marks, as an annotation, a key whose texts are not the step's own: the steps of a body, the
fields that an action asks for."""


@value(frozen=True, slots=True)
class Text:
    """One text of a document: its path, and whether it is evaluated."""

    path: str
    text: str
    is_template: bool


class StandsFor:
    """Marks, as an annotation, a model for which a document may have the value of one key alone."""

    def __init__(self, key: str) -> None:
        self.key = key


DECIDES = "decides"
"""Marks, as an annotation, a key that holds a condition."""


def texts_of(model: type[BaseModel], document: dict[str, Any], path: str) -> Iterator[Text]:
    """Return the texts in the keys of `model` that `document` has."""
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key not in document or APART in info.metadata:
            continue
        place, value = f"{path}.{key}" if path else key, document[key]
        if DECIDES in info.metadata and isinstance(value, str):
            yield Text(place, f"{{{{ {bare_condition(value)} }}}}", is_template=True)
        else:
            yield from _texts(info.annotation, value, place)


def texts_in(value: Any, path: str, *, is_template: bool) -> Iterator[Text]:
    """Return every text of a JSON value."""
    todo: list[tuple[str, Any]] = [(path, value)]
    while todo:
        at, item = todo.pop()
        if isinstance(item, str):
            yield Text(at, item, is_template)
        elif isinstance(item, dict):
            todo += [(f"{at}.{key}", inner) for key, inner in item.items()]
        elif isinstance(item, list):
            todo += [(f"{at}[{index}]", inner) for index, inner in enumerate(item)]


def _texts(annotation: Any, value: Any, path: str) -> Iterator[Text]:
    if isinstance(annotation, type) and issubclass(annotation, Template):
        yield from texts_in(value, path, is_template=True)
        return
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if isinstance(value, dict):
            yield from texts_of(annotation, value, path)
        return
    parts: tuple[Any, ...] = getattr(annotation, "__args__", ())
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, StandsFor) and not (isinstance(value, dict) and mark.key in value):
            place = f"{path}.{mark.key}"
            for text in texts_of(parts[0], {mark.key: value}, path):
                yield replace(text, path=path + text.path.removeprefix(place))
            return
    inner = [part for part in parts if _may_hold_templates(part)]
    if not inner:
        yield from texts_in(value, path, is_template=False)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(inner[-1], item, f"{path}[{index}]")
    elif isinstance(value, dict) and getattr(annotation, "__origin__", None) is dict:
        for key, item in value.items():
            yield from _texts(inner[-1], item, f"{path}.{key}")
    else:
        yield from _texts(_fitting(inner, value), value, path)


def _fitting(annotations: list[Any], value: Any) -> Any:
    """Choose the member of a union by the `type` that a document names, else the first."""
    kind = value.get("type") if isinstance(value, dict) else None
    for part in annotations:
        if isinstance(part, type) and issubclass(part, BaseModel):
            field = part.model_fields.get("type")
            if field is not None and kind in getattr(field.annotation, "__args__", ()):
                return part
    return annotations[0]


def _may_hold_templates(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Template | BaseModel):
        return True
    return any(_may_hold_templates(part) for part in getattr(annotation, "__args__", ()))
