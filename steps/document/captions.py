"""The title and the labels of a run, by which people find it.

A document declares them as templates over the run. They are evaluated again whenever the run moves
on, so that they may name what a later step delivers. Whatever cannot be evaluated yet is left out
and never fails the run. A title is shown with what it has; half a label would find wrong runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from engine import Json
from engine.value import value
from steps.contract.step_type import Problem
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.template import Template, as_text

LONGEST_TITLE = 200
LONGEST_LABEL = 200
MOST_LABELS = 10
MOST_WORK = 20_000
"""The work that evaluating a caption may do, because it runs on the event loop at each append."""

_LABELS = "labels."


@value(frozen=True, slots=True)
class Caption:
    """The title of a run, and its labels by name. An empty title means no title."""

    title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@value(frozen=True, slots=True)
class CaptionTemplates:
    """The templates from which the runs of a definition get their captions."""

    title: Template | None
    labels: Mapping[str, Template]
    given: Mapping[str, Json]
    """The names that they may use beside the scope of a run: `constants`."""

    def caption(self, scope: Mapping[str, Json]) -> Caption:
        """Return the caption of a run, evaluated in its scope.

        A label is left out if it is empty or one of its values does not exist. Texts are cut at 200
        characters.
        """
        scope = {**scope, **self.given}
        with Allowance.of(MOST_WORK):
            title = _title(self.title, scope) if self.title else ""
            labels = {
                name: text
                for name, template in self.labels.items()
                if (text := _label(template, scope))
            }
        return Caption(title, labels)


def caption_templates(
    title: str | None, labels: Mapping[str, str], given: Mapping[str, Json]
) -> tuple[CaptionTemplates | None, list[Problem]]:
    """Compile the title and the labels of a document; return None if it has neither."""
    problems: list[Problem] = []
    made: dict[str, Template] = {}
    for path, source in caption_texts(title, labels):
        try:
            made[path] = Template(source)
        except ExpressionError as wrong:
            problems.append(Problem(path, str(wrong)))
    if not made:
        return None, problems
    own = made.pop("title", None)
    named = {path.removeprefix(_LABELS): template for path, template in made.items()}
    return CaptionTemplates(own, named, given), problems


def caption_texts(title: Any, labels: Any) -> Iterator[tuple[str, str]]:
    """Return the templates of a document's title and labels, by their paths."""
    if isinstance(title, str):
        yield "title", title
    for name, text in labels.items() if isinstance(labels, Mapping) else ():
        if isinstance(text, str):
            yield f"{_LABELS}{name}", text


def _title(template: Template, scope: Mapping[str, Json]) -> str:
    """Return the title with the values that exist; empty if it names some and none exists."""
    values = _values(template, scope)
    is_known = not values or any(value is not None for value in values)
    return _line(template, values, LONGEST_TITLE) if is_known else ""


def _label(template: Template, scope: Mapping[str, Json]) -> str:
    """Return the label; empty if one of its values does not exist."""
    values = _values(template, scope)
    return "" if None in values else _line(template, values, LONGEST_LABEL)


def _values(template: Template, scope: Mapping[str, Json]) -> list[str | int | float | None]:
    """Return what is shown for each expression; None for what cannot be shown.

    Lists and objects are not shown, because writing out a large one would block the event loop.
    """
    values: list[str | int | float | None] = []
    for expression in template.expressions():
        try:
            value = expression.evaluate(scope)
        except ExpressionError:
            value = None
        values.append(None if isinstance(value, dict | list) else value)
    return values


def _line(template: Template, values: list[str | int | float | None], longest: int) -> str:
    cut = [value[: longest * 4] if isinstance(value, str) else value for value in values]
    shown = ["" if value is None else value for value in cut]
    text = " ".join(as_text(template.filled(shown)).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
