"""Reads the text of a definition, JSON or YAML: its value, and the line of each part."""

import json
from collections.abc import Callable

from app.definitions.json_lines import lines_of
from app.definitions.yaml_text import YamlRefused, read_yaml
from engine import Json
from engine.value import value
from steps.language.strict_json import JsonRefused, json_fault, parse_strictly

_MOST_VALUES = 100_000


class TextRefused(Exception):
    """A text does not hold a definition.

    Attributes:
        line: Where the fault is, counted from 1.
    """

    def __init__(self, what: str, line: int = 1) -> None:
        self.line = line
        super().__init__(what)


@value(frozen=True, slots=True)
class DefinitionText:
    """What a text holds.

    Attributes:
        document: The value.
        is_yaml: Whether it was read as YAML.
        lines: Returns the line of every part by its path; computed when it is called.
    """

    document: Json
    is_yaml: bool
    lines: Callable[[], dict[str, int]]


def read_definition(text: str) -> DefinitionText:
    """Read a text that begins with `{` or `[` as JSON, and any other as YAML.

    Raises:
        TextRefused: It is neither; the message names the line.
    """
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", ""):
        return DefinitionText(_json(text), is_yaml=False, lines=lambda: lines_of(text))
    document, lines = yaml_definition(text)
    return DefinitionText(document, is_yaml=True, lines=lambda: lines)


def yaml_definition(text: str) -> tuple[Json, dict[str, int]]:
    """Return the value of a YAML text, and the line of every part. Raises `TextRefused`."""
    try:
        document, lines = read_yaml(text)
    except YamlRefused as refused:
        raise TextRefused(str(refused), refused.line) from refused
    return _json(json.dumps(document)), lines  # with all limits that JSON has


def _json(text: str) -> Json:
    try:
        return parse_strictly(text, unique_keys=True, exact_integers=True, most_values=_MOST_VALUES)
    except json.JSONDecodeError as wrong:
        raise TextRefused(f"is not valid JSON: {json_fault(wrong)}", wrong.lineno) from wrong
    except JsonRefused as refused:
        raise TextRefused(refused.what) from refused
    except ValueError as wrong:
        raise TextRefused(f"is not acceptable: {wrong}") from wrong
