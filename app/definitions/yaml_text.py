"""Reads definitions in YAML 1.2: returns their JSON value and the line of each part.

PyYAML reads the syntax. The meaning of scalars is decided here, by the core schema of YAML 1.2,
where `no`, `on` and `12:30` are strings. The result is always JSON: foreign tags, merge keys and
duplicate keys are refused. Each use of an alias counts with the full size of its value, so a few
lines cannot become a million values.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.definitions.json_lines import path_below
from engine import Json

_DEEPEST = 100
_MOST_VALUES = 100_000
_MOST_CHARACTERS = 4_000_000
_PREFIX = "tag:yaml.org,2002:"
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 400
_NO_KEY = 'has a list or object as a key (put an expression in quotes: "{{ data.x }}")'
_FAULTS = (
    ("cannot start any token", "put a text that begins like this in quotes"),
    ("mapping values are not allowed", "put a text that contains `: ` in quotes"),
    ("expected key", "are the lines around it indented alike, and is each text closed?"),
    ("expected '-' indicator", "are the lines around it indented alike?"),
    ("unexpected end of stream", "is each text closed?"),
)


class YamlRefused(Exception):
    """The text is not YAML, or uses YAML that a definition may not use.

    Attributes:
        line: Where the fault is, counted from 1.

    Its message continues a sentence about the text.
    """

    def __init__(self, what: str, line: int) -> None:
        self.line = line
        super().__init__(f"{what} at line {line}")


@dataclass(slots=True)
class _Made:
    """A value that has been read, and the size it has when written out."""

    value: Json
    values: int = 1
    characters: int = 0


@dataclass(slots=True)
class _Open:
    """A list or an object whose end has not been read yet."""

    made: _Made
    path: str
    anchor: str | None
    line: int
    key: str | None = None
    seen: dict[str, int] = field(default_factory=dict)


def read_yaml(text: str) -> tuple[Json, dict[str, int]]:
    """Return the value of a YAML text, and the line of every part of it by its path.

    Raises:
        YamlRefused: It is not YAML, has more than one document, or is too large.
    """
    import yaml

    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        message = f"is not valid YAML: {wrong.problem}{_hint(str(wrong.problem), text, mark)}"
        raise YamlRefused(message, mark.line + 1 if mark else 1) from wrong
    except yaml.YAMLError as wrong:  # a character that YAML does not have
        place = text.count("\n", 0, getattr(wrong, "position", 0)) + 1
        raise YamlRefused(f"is not valid YAML: {getattr(wrong, 'reason', wrong)}", place) from wrong
    return reader.value, reader.lines


def _hint(problem: str, text: str, mark: Any) -> str:
    """Return what to do about a fault that libyaml has found, if known."""
    if mark is not None and "cannot start any token" in problem:
        line = text.splitlines()[mark.line : mark.line + 1]
        if line and line[0][mark.column :].startswith("\t"):
            return " (a tab; YAML is indented by spaces)"
    return next((f" ({hint})" for word, hint in _FAULTS if word in problem), "")


class _Reader:
    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.value: Json = None
        self._open: list[_Open] = []
        self._anchors: dict[str, _Made] = {}
        self._documents = 0
        self._values = self._characters = 0

    def take(self, event: Any) -> None:
        import yaml

        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise YamlRefused("is more than one document; the second begins", line)
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.AliasEvent():
                made = self._anchors.get(event.anchor)
                if made is None:
                    message = f"has the alias *{event.anchor[:80]}, which names nothing complete,"
                    raise YamlRefused(message, line)
                self._add(made, line, None)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()

    def _scalar(self, event: Any, line: int) -> None:
        here = self._open[-1] if self._open else None
        if here is not None and isinstance(here.made.value, dict) and here.key is None:
            self._key(here, event.value, line)
            return
        value = _meaning(event, line)
        length = len(value) if isinstance(value, str) else 0
        self._add(_Made(value, 1, length), line, event.anchor)

    def _key(self, here: _Open, key: str, line: int) -> None:
        if key == "<<":
            raise YamlRefused("has a merge key (<<), which YAML 1.2 does not know,", line)
        if (before := here.seen.get(key)) is not None:
            message = f"has the key {key[:80]!r} at line {before} and again"
            raise YamlRefused(message, line)
        here.seen[key] = line
        here.key = key
        here.made.characters += len(key)
        self.lines.setdefault(path_below(here.path, key), line)

    def _begin(self, event: Any, line: int) -> None:
        if len(self._open) >= _DEEPEST:
            raise YamlRefused(f"is nested deeper than {_DEEPEST} levels", line)
        import yaml

        is_list = isinstance(event, yaml.SequenceStartEvent)
        _known(event.tag, "seq" if is_list else "map", line)
        here = self._open[-1] if self._open else None
        if here is not None and isinstance(here.made.value, dict) and here.key is None:
            raise YamlRefused(_NO_KEY, line)
        path = self._path(here)
        self.lines.setdefault(path, line)
        self._open.append(_Open(_Made([] if is_list else {}), path, event.anchor, line))

    def _end(self) -> None:
        closed = self._open.pop()
        self._add(closed.made, closed.line, closed.anchor, note=False)

    def _add(self, made: _Made, line: int, anchor: str | None, *, note: bool = True) -> None:
        """Put a value where it belongs; an alias counts with the size of its value."""
        here = self._open[-1] if self._open else None
        if note:
            self.lines.setdefault(self._path(here), line)
        if anchor is not None:
            self._anchors[anchor] = made
        if here is None:
            self.value = made.value
            return
        whole = here.made
        whole.values += made.values
        whole.characters += made.characters
        if whole.values > _MOST_VALUES or whole.characters > _MOST_CHARACTERS:
            raise YamlRefused("is too large, with what its aliases stand for,", line)
        if isinstance(whole.value, list):
            whole.value.append(made.value)
        elif isinstance(whole.value, dict) and here.key is not None:
            whole.value[here.key] = made.value
            here.key = None
        elif isinstance(whole.value, dict):
            raise YamlRefused("has an alias as a key", line)

    @staticmethod
    def _path(here: _Open | None) -> str:
        if here is None:
            return ""
        if isinstance(here.made.value, list):
            return path_below(here.path, len(here.made.value))
        return path_below(here.path, str(here.key))


def _known(tag: str | None, kind: str, line: int) -> None:
    if tag not in (None, "!", _PREFIX + kind):
        raise YamlRefused(f"has the unknown tag {str(tag)[:80]}", line)


def _meaning(event: Any, line: int) -> Json:
    """Return the value of a scalar; quoted scalars and blocks are strings."""
    text: str = event.value
    if event.tag is not None and event.tag != "!":
        kind = event.tag.removeprefix(_PREFIX)
        if kind not in ("str", "int", "float", "bool", "null") or not event.tag.startswith(_PREFIX):
            raise YamlRefused(f"has the unknown tag {event.tag[:80]}", line)
        value = text if kind == "str" else _plain(text, line)
        if kind not in _kinds(value):
            raise YamlRefused(f"has {text[:80]!r}, which is not of the kind {kind},", line)
        return value
    if event.tag == "!" or not event.implicit[0]:
        return text
    return _plain(text, line)


def _kinds(value: Json) -> Iterator[str]:
    match value:
        case None:
            yield "null"
        case bool():
            yield "bool"
        case int():
            yield from ("int", "float")
        case float():
            yield "float"
        case str():
            yield "str"


def _plain(text: str, line: int) -> Json:
    if len(text) > _LONGEST_NUMBER:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        raise YamlRefused(f"has {text}, which is not a number in JSON,", line)
    return text
